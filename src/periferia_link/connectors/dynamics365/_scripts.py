"""For scripts and migrations: actions with their answers, upserts by an alternate key, files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from periferia_link.connectors.base import Applied, Write
from periferia_link.connectors.dynamics365._line import Line
from periferia_link.connectors.dynamics365.kinds._columns import guid
from periferia_link.connectors.dynamics365.kinds._links import bind
from periferia_link.connectors.dynamics365.querying._filters import property_path
from periferia_link.connectors.dynamics365.writing._actions import action_request, action_text
from periferia_link.connectors.dynamics365.writing._outcomes import outcome_of
from periferia_link.connectors.dynamics365.writing._requests import Operation, marker
from periferia_link.domain import Ref
from periferia_link.errors import ConfigurationError, ContractBrokenError, RecordInvalidError, RecordNotFoundError
from periferia_link.transport._json import dumps
from periferia_link.transport._odata import BatchPart, key
from periferia_link.typing import Response

if TYPE_CHECKING:
    from periferia_link.domain import Entity

__all__ = ["Attachment", "Scripts"]

_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_NOTES: Final = "annotations"
_LARGEST: Final = 32 * 1024 * 1024


class Attachment(NamedTuple):
    """A file of a note: its name, type and content."""

    name: str
    mime_type: str
    content: bytes


class Scripts(Line):
    """Each call is one request that is sent once; an error says what became of it."""

    @staticmethod
    def action(name: str, /, *, is_bound: bool = True, **parameters: Any) -> str:
        """
        Return the text of an action for :attr:`~periferia_link.connectors.base.Write.action`.

        Args:
            name: ``QualifyLead``, ``WinOpportunity``, ``LoseOpportunity``, ``CloseIncident``, or any other action of
                the environment.

            is_bound: The action is called on the record that the write names.

            parameters: Its parameters, as JSON has them.

        Raises:
            ConfigurationError: The name is none, or a parameter is no JSON.
        """
        return action_text(name, parameters, is_bound=is_bound)

    def call(self, name: str, ref: Ref | None = None, /, **parameters: Any) -> dict[str, Any]:
        """
        Call an action, once, and return what it answers; empty where it answers nothing.

        Source: "Use Web API actions".

        Args:
            name: Name of the action.

            ref: The record that it is bound to.

            parameters: Its parameters, as JSON has them.

        Raises:
            ConnectorError: The environment refused.
            OutcomeUnknownError: It was sent, and nobody knows what became of it.
        """
        text = action_text(name, parameters, is_bound=ref is not None)
        about = ref or Ref(self.name, "Action", str(uuid.UUID(int=0)))
        plain = about._replace(id=about.id.rpartition("/")[2])
        table = self.fields[self._map_of_ref(about)].table if ref is not None else ""
        request = action_request(text, plain, table, tag=marker(self._options.tag))
        answer = self._sent(request, Write(str(uuid.uuid4()), "action", about, action=text))
        return self._api.whole(answer) if answer.body.strip() else {}

    def upsert(self, entity: Entity, *, by: str) -> tuple[Ref, bool]:
        """
        Write a record under an alternate key: update the one that has it, or create it.

        The columns of the key are not repeated in the body: on a creation they would win over the address.

        Source: "Use an alternate key to reference a record", "Use Upsert to create or update a record".

        Args:
            entity: What to write: the fields that it sets.

            by: Fields of the key, comma-separated: ``code``.

        Returns:
            The record, and whether it was created.

        Raises:
            ConfigurationError: The kind is read only, or a field has no column.
            RecordInvalidError: A field of the key is empty.
            ConnectorError: The environment refused.
            OutcomeUnknownError: Nobody knows what became of it; the same call may simply be made again.
        """
        kind = type(entity).kind()
        columns, to_wire = self.fields[kind], self._codecs[kind].to_wire
        if to_wire is None:
            msg = f"{self.name} only reads {kind}"
            raise ConfigurationError(msg)
        self._defined()
        names = [name.strip() for name in by.split(",")]
        body = to_wire(entity, entity.model_fields_set - {"ref", "version"}, self.fields, terms=self._reader.terms)
        values = {columns.column(name): body.pop(columns.column(name), None) for name in names}
        if any(value in (None, "") for value in values.values()):
            msg = "a field of the key is empty"
            raise RecordInvalidError(msg, hint=f"fill {by} first", system=self.name)
        url = f"{key(columns.table, values)}?$select={columns.key}{marker(self._options.tag).replace('?', '&')}"
        headers = {**_JSON, "Prefer": "return=representation"}
        answer = self._sent(BatchPart("PATCH", url, headers, dumps(body)), Write(str(uuid.uuid4()), "update"))
        made = guid(self._api.whole(answer).get(columns.key))
        if made is None:
            msg = "the answer does not name the record"
            raise ContractBrokenError(msg, hint="look at the plug-ins of the table", system=self.name)
        return Ref(self.name, kind, made), answer.status == 201

    # ------------------------------------------------------------------ files

    def attach(self, to: Ref, name: str, content: bytes, *, mime_type: str = "application/octet-stream") -> Ref:
        """
        Attach a file to a record as a note; the same file attached again is the same note.

        Source: "Annotation (Note) table": ``documentbody`` in Base64, 32 MB at most as environments allow by default.

        Args:
            to: The record.

            name: File name.

            content: The file.

            mime_type: Its type.

        Raises:
            RecordInvalidError: The file is too large, or the reference is none of this environment.
            ConnectorError: The environment refused.
            OutcomeUnknownError: Nobody knows what became of it; attach it again.
        """
        if len(content) > _LARGEST:
            msg = f"the file has {len(content)} bytes, a note takes {_LARGEST}"
            raise RecordInvalidError(msg, hint="put it into a file column, or into SharePoint", system=self.name)
        made = str(
            uuid.uuid5(uuid.UUID(guid(to.id.rpartition("/")[2])), f"{name}\0{hashlib.sha256(content).hexdigest()}")
        )
        body: dict[str, Any] = {
            "subject": name[:500], "filename": name[:255], "mimetype": mime_type, "isdocument": True,
            "documentbody": base64.b64encode(content).decode(),
        }  # fmt: skip
        body |= bind("_objectid_value", to, self.fields, self._reader.terms, table=_NOTES)
        request = BatchPart("PATCH", key(_NOTES, uuid.UUID(made)) + marker(self._options.tag), _JSON, dumps(body))
        ref = Ref(self.name, "Interaction", made)
        self._sent(request, Write(made, "update", ref))
        return ref

    def attachment(self, note: Ref) -> Attachment:
        """
        Read the file of a note.

        Raises:
            RecordNotFoundError: There is no such note, or it has no file.
            ConnectorError: The environment refused.
        """
        columns = ["filename", "mimetype", "documentbody"]
        plain = uuid.UUID(note.id.rpartition("/")[2])
        for row in self._api.rows(f"{_NOTES}?$select={','.join(columns)}&$filter=annotationid%20eq%20{plain}"):
            try:
                content = base64.b64decode(row["documentbody"], validate=True)
            except (KeyError, TypeError, binascii.Error):
                break
            return Attachment(str(row.get("filename")), str(row.get("mimetype")), content)
        msg = "there is no such note, or it has no file"
        raise RecordNotFoundError(msg, system=self.name, ref=note)

    def put_file(self, to: Ref, column: str, name: str, content: bytes) -> None:
        """
        Put a file into a file or image column of a record, in one request (128 MB at most); again is the same.

        Source: "Use file column data".

        Raises:
            ConnectorError: The environment refused.
            OutcomeUnknownError: Nobody knows what became of it; put it again.
        """
        headers = {"Content-Type": "application/octet-stream", "x-ms-file-name": quote(name)}
        request = BatchPart("PATCH", self._file_column(to, column), headers, content)
        self._sent(request, Write(str(uuid.uuid4()), "update", to))

    def get_file(self, of: Ref, column: str) -> bytes:
        """
        Read a file column of a record.

        Raises:
            ConnectorError: The environment refused, or there is no file.
        """
        answer = self._transport.read("GET", f"{self._file_column(of, column)}/$value")
        if answer.status in (204, 404):
            msg = f"there is no file in {column}"
            raise RecordNotFoundError(msg, system=self.name, ref=of)
        if answer.status != 200:
            msg = f"the environment refuses the file (status {answer.status})"
            raise ContractBrokenError(msg, hint="check the column", system=self.name, status_code=answer.status)
        return answer.body

    def _file_column(self, ref: Ref, column: str) -> str:
        table = self.fields[self._map_of_ref(ref)].table
        return f"{key(table, uuid.UUID(ref.id.rpartition('/')[2]))}/{property_path(column)}"

    # ------------------------------------------------------------------ sending

    def _sent(self, request: BatchPart, write: Write) -> Response:
        """Send a request once and return its answer if it took effect."""
        headers = {**request.headers, **self._options.write_headers}
        answer = self._transport.send(request.method, request.url, headers=headers, body=request.body)
        about = write.ref or Ref(self.name, "Record", str(uuid.UUID(int=0)))
        outcome = outcome_of(Operation(write, about, (request,)), answer, now=self._clock.now())
        if isinstance(outcome, Applied):
            return answer
        raise outcome.error

    def _map_of_ref(self, ref: Ref) -> str:
        if ref.kind not in self._names:
            msg = f"{self.name} does not know the kind {ref.kind}"
            raise ConfigurationError(msg, hint=f"it knows {', '.join(sorted(self._names))}")
        return self._reader.placed(ref.kind, ref.id, self._names[ref.kind])[0]
