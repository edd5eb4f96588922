"""Files: uploaded first, linked to an item afterwards."""

from __future__ import annotations

import base64
from urllib.parse import quote

from periferia_link.testing.emulators._devops_calls import Call, Route, answered
from periferia_link.testing.emulators._devops_organisation import Organisation
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused
from periferia_link.typing import Response

__all__ = ["ROUTES"]

_LARGEST = 60 * 1024 * 1024


def _upload(org: Organisation, call: Call) -> Response:
    if len(call.request.body) > _LARGEST:
        message = "VS403312: The attachment exceeds the limit of 60 MB."
        raise DevOpsRefused(400, "AttachmentTooLargeException", message)
    key = org.guid()
    org.books["attachments"][key] = {"id": key, "content": base64.b64encode(call.request.body).decode()}
    org.wrote(1)
    name = call.query.get("filename", "")
    address = f"{org.address}/_apis/wit/attachments/{key}" + (f"?fileName={quote(name)}" if name else "")
    return answered(call, {"id": key, "url": address}, 201)


def _download(org: Organisation, call: Call) -> Response:
    found = org.books["attachments"].get(call.variables["id"])
    if found is None:
        message = f"VS403313: The attachment {call.variables['id']} does not exist."
        raise DevOpsRefused(404, "AttachmentNotFoundException", message)
    return Response(200, (("Content-Type", "application/octet-stream"),), base64.b64decode(found["content"]))


ROUTES: tuple[Route, ...] = (
    ("POST", "wit/attachments", _upload),
    ("GET", "wit/attachments/{id}", _download),
)
