"""A certificate authority for one run; the only file that imports trustme."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from periferia_link.errors import MissingDependencyError

__all__ = ["TlsIdentity", "temporary_identity"]


@dataclass(frozen=True)
class TlsIdentity:
    """A certificate for ``localhost`` and ``127.0.0.1``, and the file of the authority to trust for it."""

    ca_file: str
    context: ssl.SSLContext = field(repr=False)

    @classmethod
    def make(cls, folder: Path) -> TlsIdentity:
        """
        Make an authority and a server certificate; only ``ca.pem``, which is public, stays in *folder*.

        Raises:
            MissingDependencyError: trustme is not installed.
        """
        try:
            import trustme  # noqa: PLC0415 - an extra
        except ImportError as exc:
            msg = "an emulator with TLS needs trustme, which is not installed"
            raise MissingDependencyError(msg, hint='pip install "periferia-link[testing]"') from exc
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        return cls(str(ca_file), context)


@contextmanager
def temporary_identity() -> Iterator[TlsIdentity]:
    """Make an identity in a private folder (mode 0700) that is removed at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="periferia-link-") as folder:
        yield TlsIdentity.make(Path(folder))
