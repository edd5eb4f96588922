"""What the Service Layer says no with: status, code and words; classified by code, as the words are localised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from periferia_link.errors import ConnectorError, ContractBrokenError, PermissionDeniedError
from periferia_link.transport._odata import error_of
from periferia_link.typing import Response

__all__ = ["NO_SUCH_PROPERTY", "NO_SUCH_SET", "Refusal", "error_for_read", "refusal_of"]

# SAP puts the number of the DI message in front of the text of its catch-all codes.
_NUMBER_IN_FRONT = re.compile(r"(\d{4,12}) - ")

NO_SUCH_SET = frozenset({"200", "-1002"})
"""The entity set is unknown to this node: a user table that is not there, or not yet after a restart."""

NO_SUCH_PROPERTY = frozenset({"-1000", "201"})
"""A property is unknown; 201 is what FP 2608 says to one in a query."""

# Of stored queries, and of SQL views (804): what to do about each.
_QUERIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "701": ("SAP cannot read the SQL of the stored query", "correct its text; SAP takes a part of SQL only"),
        "702": ("a table of the stored query is not allowed", "add it to b1s_sqltable.conf on the server"),
        "703": ("a column of the stored query is not allowed", "take it off the exclusions in b1s_sqltable.conf"),
        "704": ("a parameter of the stored query is missing or wrong", "give each :name of its text a value"),
    }
)


class Refusal(NamedTuple):
    """Status, code and text of a refusal; ``code`` is empty where the balancer spoke instead of SAP."""

    status: int
    code: str
    text: str


def refusal_of(answer: Response) -> Refusal:
    """Return what an answer says no with; the number in front of a catch-all text is the code."""
    found = error_of(answer.body)
    if found is None:
        return Refusal(answer.status, "", "")
    code, text = found
    number = _NUMBER_IN_FRONT.match(text) if code in ("-10", "600") else None
    return Refusal(answer.status, number[1] if number else code, " ".join(text.split())[:200])


def error_for_read(answer: Response, *, system: str, what: str) -> ConnectorError:
    """
    Return the error of a read that was refused; transient ones never come here.

    Args:
        answer: Any answer that is no 200.

        system: Instance name.

        what: The entity set or service, for the message.
    """
    status, code, text = refusal_of(answer)
    told: dict[str, Any] = {"system": system, "operation": f"read {what}", "status_code": status, "code": code}
    if status == 403:
        msg = f"the user may not read {what} ({code})"
        return PermissionDeniedError(msg, hint="give the user the authorisation in SAP", **told)
    if code in _QUERIES:
        msg = f"{_QUERIES[code][0]} ({code}): {text}"
        return ContractBrokenError(msg, hint=_QUERIES[code][1], **told)
    if code == "804":
        msg = f"the user may not read the SQL view behind {what} ({code})"
        return PermissionDeniedError(msg, hint="give the user the authorisation in SAP", **told)
    if code in NO_SUCH_SET:
        msg = f"this Service Layer does not know {what} ({code})"
        return ContractBrokenError(msg, hint="create it in SAP and restart the Service Layer", **told)
    if code in NO_SUCH_PROPERTY:
        msg = f"SAP does not know a column that was asked of {what} ({code}): {text}"
        return ContractBrokenError(
            msg, hint="compare the field map with the company; restart the Service Layer", **told
        )
    msg = f"SAP refuses to read {what} (status {status}, code {code or 'none'}): {text}"
    return ContractBrokenError(msg, hint="look the code up in the SAP notes", **told)
