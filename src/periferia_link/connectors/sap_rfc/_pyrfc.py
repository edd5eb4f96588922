"""The one file that knows pyrfc, imported when the first connection is opened."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from periferia_link.connectors.sap_rfc._call import Call
from periferia_link.errors import MissingDependencyError

__all__ = ["connected"]

_PACKAGES = (
    "pip install 'periferia-link[rfc]' and SAP's NW RFC SDK (set SAPNWRFC_HOME), "
    "or pip install erpl-pyrfc, which needs no SDK"
)


def connected(parameters: Mapping[str, str], *, timeout: float) -> Call:
    """
    Open a connection with whatever package provides ``pyrfc``.

    Args:
        parameters: Those of ``pyrfc.Connection``: ashost, sysnr, client, user, passwd, lang, mshost, snc_…

        timeout: Seconds that one call may take; pyrfc then cancels it and the session ends.

    Raises:
        MissingDependencyError: No package provides it, or it lacks SAP's library.
    """
    try:
        pyrfc = importlib.import_module("pyrfc")
    except (ImportError, OSError) as exc:
        msg = f"SAP by RFC needs a package that provides pyrfc ({type(exc).__name__})"
        raise MissingDependencyError(msg, hint=_PACKAGES) from None
    # texts without the blanks that fill their column, dates as YYYYMMDD: that is what the mapping reads
    config: dict[str, Any] = {"rstrip": True, "dtime": False, "timeout": timeout}
    try:
        return cast("Call", pyrfc.Connection(config=config, **parameters))
    except Exception as exc:
        reason = type(exc).__name__
        # pyrfcx has a class of its own for it, outside the tree of pyrfc
        if not isinstance(exc, ImportError | FileNotFoundError) and reason != "SdkNotFoundError":
            raise
    msg = f"pyrfc does not find SAP's NW RFC library ({reason})"
    raise MissingDependencyError(msg, hint=_PACKAGES)
