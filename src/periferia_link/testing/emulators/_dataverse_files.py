"""
File columns of the emulated Dataverse: whole, in chunks, in blocks, and back again.

Source: ``file-column-data.md``: at most 128 MB in one request, chunks of 4 MB; a column shows the id of its file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from periferia_link.testing.emulators._dataverse_addresses import Address
from periferia_link.testing.emulators._dataverse_calls import Call, answer, no_such_call
from periferia_link.testing.emulators._dataverse_refusals import DataverseRefused, bad_payload
from periferia_link.testing.emulators._dataverse_rows import Rows
from periferia_link.testing.emulators._dataverse_tables import Column
from periferia_link.testing.emulators._emulator import Record
from periferia_link.typing import Response

__all__ = ["BLOCK_ACTIONS", "Files"]

BLOCK_ACTIONS: Final = (
    "InitializeFileBlocksUpload", "UploadBlock", "CommitFileBlocksUpload", "InitializeFileBlocksDownload",
    "DownloadBlock",
)  # fmt: skip
_CHUNK: Final = 4 * 1024 * 1024
_MOST: Final = 128 * 1024 * 1024
_RANGE = re.compile(r"bytes[ =](?P<first>\d+)-(?P<last>\d+)(?:/\d+)?")
_FILES: Final = "files"

_Place = tuple[Address, str, Column]


class Files:
    """What file columns hold: ``books["files"]``, content as Base64; uploads under way are kept beside."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._uploads: dict[str, Record] = {}

    def restart(self) -> None:
        """Forget uploads under way."""
        self._uploads.clear()

    # ------------------------------------------------------------------ one column

    def write(self, call: Call, address: Address, key: str, column: Column) -> Response:
        """
        Answer PATCH, PUT or DELETE of a file column.

        Raises:
            DataverseRefused: 400, no name, too large, or a chunk that does not follow the one before it.
        """
        if call.method == "DELETE":
            self._drop(address, key, column, call)
            return answer(call, 204)
        if call.method not in ("PATCH", "PUT"):
            raise no_such_call(call)
        if (token := call.options.get("sessiontoken")) is not None:
            return self._chunk(call, token)
        name = call.header("x-ms-file-name") or call.options.get("x-ms-file-name", "")
        if not name:
            raise DataverseRefused(400, "0x80048d19", "The file name is missing: send the header x-ms-file-name.")
        if (call.header("x-ms-transfer-mode") or "").lower() == "chunked":
            token = self._begin(address, key, column, name)
            place = f"{call.root}/{'/'.join(call.path)}?sessiontoken={token}"
            headers = [("Location", place), ("x-ms-chunk-size", str(_CHUNK)), ("Accept-Ranges", "bytes")]
            return answer(call, 200, None, headers)
        self._keep(call, (address, key, column), name, call.request.body)
        return answer(call, 204)

    def read(self, call: Call, address: Address, key: str, column: Column) -> Response:
        """
        Answer ``GET …/column/$value``, whole or a range of it.

        Raises:
            DataverseRefused: 404, the column holds no file.
        """
        held = self._held(address, key, column)
        content = base64.b64decode(held["content"])
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("x-ms-file-name", held["name"]),
            ("x-ms-file-size", str(len(content))),
            ("mimetype", held["mimetype"]),
            ("Accept-Ranges", "bytes"),
        ]
        asked = _RANGE.fullmatch(call.header("Range") or "")
        if asked is None:
            return Response(200, tuple(headers), content)
        first, last = int(asked["first"]), min(int(asked["last"]), len(content) - 1)
        headers.append(("Content-Range", f"bytes {first}-{last}/{len(content)}"))
        return Response(206, tuple(headers), content[first : last + 1])

    def piece(self, call: Call, address: Address, key: str, column: Column) -> Response:
        """
        Answer ``GET …/column`` with a ``Range``: a piece of the file as JSON, and where the next one is.

        Raises:
            DataverseRefused: 404, the column holds no file.
        """
        whole = self.read(call, address, key, column)
        passed = ("x-ms-file-name", "x-ms-file-size", "mimetype", "content-range")
        headers = [(name, value) for name, value in whole.headers if name.lower() in passed]
        headers.append(("Content-Disposition", f"attachment; filename={whole.header('x-ms-file-name')}"))
        headers.append(("Location", call.link()))
        value = base64.b64encode(whole.body).decode()
        place = f"{call.root}/$metadata#{address.table.entity_set}({key})/{column.name}"
        return answer(call, whole.status, {"@odata.context": place, "value": value}, headers)

    def _begin(self, address: Address, key: str, column: Column, name: str) -> str:
        token = self.rows.new_request_id()
        self._uploads[token] = {"place": (address, key, column), "name": name, "content": b""}
        return token

    def _chunk(self, call: Call, token: str) -> Response:
        upload = self._uploads.get(token)
        part = _RANGE.fullmatch(call.header("Content-Range") or "")
        total = (call.header("Content-Range") or "").rpartition("/")[2]
        if upload is None or part is None or int(part["first"]) != len(upload["content"]) or not total.isdigit():
            raise DataverseRefused(400, "0x80048d19", "The chunk does not follow the one before it.")
        upload["content"] += call.request.body
        if len(upload["content"]) < int(total):
            return answer(call, 206)
        del self._uploads[token]
        self._keep(call, upload["place"], upload["name"], upload["content"])
        return answer(call, 204)

    def _keep(self, call: Call, place: _Place, name: str, content: bytes) -> str:
        address, key, column = place
        if len(content) > min(_MOST, (column.limit or _MOST) * 1024):
            raise DataverseRefused(400, "0x80044a02", "The file size exceeds the limit of the column.")
        made = self.rows.new_request_id()
        self.rows.emulator.books[_FILES][made] = {
            "table": address.table.logical, "record": key, "column": column.name, "name": name,
            "mimetype": call.header("Content-Type") or "application/octet-stream",
            "content": base64.b64encode(content).decode(),
        }  # fmt: skip
        self.rows.change(address.table, key, {column.wire: made, f"{column.wire}_name": name}, call.now)
        return made

    def _held(self, address: Address, key: str, column: Column) -> Record:
        made = self.rows.get(address.table, key).get(column.wire)
        held: Record | None = self.rows.emulator.books[_FILES].get(made or "")
        if held is None:
            raise DataverseRefused(404, "0x80060888", f"No file attachment found for attribute: {column.name}.")
        return held

    def _drop(self, address: Address, key: str, column: Column, call: Call) -> None:
        made = self.rows.get(address.table, key).get(column.wire)
        self.rows.emulator.books[_FILES].pop(made or "", None)
        self.rows.change(address.table, key, {column.wire: None, f"{column.wire}_name": None}, call.now)

    # ------------------------------------------------------------------ blocks

    def blocks(self, call: Call, name: str) -> Response:
        """
        Answer the actions that move a file in blocks.

        Raises:
            DataverseRefused: 400, a parameter is missing or the token is none of ours.
        """
        asked = call.body
        if not isinstance(asked, Mapping):
            raise bad_payload(name, "Microsoft.OData.ODataException: Parameters were expected.")
        kind = f"{call.root}/$metadata#Microsoft.Dynamics.CRM.{name}Response"
        if name.startswith("Initialize"):
            return answer(call, 200, {"@odata.context": kind} | self._initialized(name, asked))
        upload = self._uploads.get(str(asked.get("FileContinuationToken")))
        if upload is None:
            raise DataverseRefused(400, "0x80040203", "The FileContinuationToken is not valid.")
        if name == "UploadBlock":
            upload.setdefault("blocks", {})[str(asked.get("BlockId"))] = _bytes(asked.get("BlockData"))
            return answer(call, 204)
        if name == "DownloadBlock":
            start = int(asked.get("Offset", 0))
            data = upload["content"][start : start + int(asked.get("BlockLength", _CHUNK))]
            return answer(call, 200, {"@odata.context": kind, "Data": base64.b64encode(data).decode()})
        content = b"".join(upload.get("blocks", {}).get(str(block), b"") for block in asked.get("BlockList", ()))
        made = self._keep(call, upload["place"], upload["name"], content)
        return answer(call, 200, {"@odata.context": kind, "FileId": made, "FileSizeInBytes": len(content)})

    def _initialized(self, name: str, asked: Mapping[str, Any]) -> Record:
        target = asked.get("Target")
        kind = str(target.get("@odata.type", "")).rpartition(".")[2] if isinstance(target, Mapping) else ""
        table = self.rows.schema.get(kind)
        if table is None or not isinstance(target, Mapping):
            raise bad_payload(name, "Microsoft.OData.ODataException: Target with its type is required.")
        key = str(target.get(table.key, "")).lower()
        self.rows.get(table, key)
        column = table.columns.get(str(asked.get("FileAttributeName")))
        if column is None or column.type != "File":
            raise bad_payload(name, "Microsoft.OData.ODataException: FileAttributeName is no file column.")
        address = Address(table, key, {}, "")
        if name == "InitializeFileBlocksUpload":
            return {"FileContinuationToken": self._begin(address, key, column, str(asked.get("FileName")))}
        held = self._held(address, key, column)
        token = self._begin(address, key, column, held["name"])
        content = self._uploads[token]["content"] = base64.b64decode(held["content"])
        return {
            "FileContinuationToken": token, "FileSizeInBytes": len(content), "FileName": held["name"],
            "IsChunkingSupported": True,
        }  # fmt: skip


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise DataverseRefused(400, "0x80040203", "BlockData is not Base64.") from None
