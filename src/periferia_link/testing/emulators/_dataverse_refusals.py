"""
What Dataverse refuses, and in which words.

Codes with their HTTP status: wire sheet section 5 (each seen in two public sources); texts as reported from real
environments. Older servers, and Microsoft's documentation, leave the code of a failed precondition empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from periferia_link.testing.emulators._dataverse_tables import Table

__all__ = [
    "DataverseRefused",
    "aborted",
    "bad_payload",
    "bad_query",
    "bad_value",
    "check_closing",
    "clash",
    "exists",
    "not_found",
    "not_found_by_key",
    "privilege",
    "stale",
    "unknown_property",
    "unsupported",
]


class DataverseRefused(Exception):  # noqa: N818 - a refusal of the server, not an error of the library
    """
    One refusal on its way to become an answer.

    ``code_is_optional`` marks those that the documentation shows with an empty code.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        headers: Iterable[tuple[str, str]] = (),
        code_is_optional: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})
        self.headers = tuple(headers)
        self.code_is_optional = code_is_optional


def bad_query(message: str, status: int = 400) -> DataverseRefused:
    """Return the refusal of an address or query option."""
    return DataverseRefused(status, "0x80060888", message)


def unknown_property(table: str, name: str) -> DataverseRefused:
    """Return the refusal of a property that a query names and the table does not have."""
    return bad_query(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def bad_payload(entity_set: str, inner: str) -> DataverseRefused:
    """Return the refusal of a body that does not fit the table."""
    return DataverseRefused(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this "
        "error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : "
        + inner,
    )


def bad_value(message: str, code: str = "0x80044330") -> DataverseRefused:
    """Return the refusal of a well-formed value: too long, out of range, not a choice."""
    return DataverseRefused(400, code, f"A validation error occurred.  {message}")


def aborted(message: str) -> DataverseRefused:
    """Return what a plug-in of the installation says when it stops a write."""
    return DataverseRefused(400, "0x80040265", message)


def not_found(table: str, key: str) -> DataverseRefused:
    """Return the answer for a record that is not there."""
    return DataverseRefused(404, "0x80040217", f"{table} With Id = {key} Does Not Exist", code_is_optional=True)


def not_found_by_key(table: str) -> DataverseRefused:
    """Return the answer for an alternate key without a record."""
    return DataverseRefused(
        404, "0x80060891", f"A record with the specified key values does not exist in {table} entity"
    )


def exists() -> DataverseRefused:
    """Return the refusal to create under a primary key that is taken."""
    return DataverseRefused(
        412, "0x80040237", "A record with matching key values already exists.", code_is_optional=True
    )


def stale() -> DataverseRefused:
    """Return the refusal of an outdated ``If-Match``."""
    return DataverseRefused(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
        code_is_optional=True,
    )


def clash(key_name: str, values: Mapping[str, object]) -> DataverseRefused:
    """Return the refusal of a value that an alternate key already holds."""
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return DataverseRefused(
        412,
        "0x80060892",
        f"Entity Key {key_name} violated. A record with the same value for {key_name} already exists. A duplicate "
        "record cannot be created. Select one or more unique values and try again.",
        details={"ErrorDetails.DuplicateAttributes": f"<DuplicateAttributes>{inner}</DuplicateAttributes>"},
    )


def privilege(name: str, table: str, user: str, object_type_code: int) -> DataverseRefused:
    """Return the refusal for a missing right such as ``prvReadAccount``."""
    return DataverseRefused(
        403,
        "0x80040220",
        f"Principal user (Id={user}, type=8, roleCount=1, privilegeCount=100, accessMode=4), is missing {name} "
        f"privilege on OTC={object_type_code} for entity '{table}'. context.Caller={user}",
    )


def unsupported(message: str, table: str) -> DataverseRefused:
    """Return the refusal of a message that a table does not take."""
    return DataverseRefused(400, "0x80040800", f"The '{message}' method does not support entities of type '{table}'.")


def check_closing(table: Table, values: Mapping[str, object]) -> None:
    """
    Refuse to win or lose an opportunity, or to resolve a case, by an update: there are actions for that.

    Source: ``CannotUseOpportunitySetStateMessage`` 0x80100005 of the error list; the words as seen live for a won
    opportunity; for cases as reported, without a code.

    Raises:
        DataverseRefused: 400.
    """
    state = values.get("statecode")
    words = "This message can not be used to set the state of {0} to {1}. In order to set state of {0} to {1}, use the "
    if table.logical == "opportunity" and state in (1, 2):
        ending = "won" if state == 1 else "lost"
        raise DataverseRefused(400, "0x80100005", words.format("opportunity", ending) + f"{ending} message instead.")
    if table.logical == "incident" and state == 1:
        text = words.format("incident", "Resolved") + "CloseIncidentRequest message instead."
        raise DataverseRefused(400, "0x80040203", text)
