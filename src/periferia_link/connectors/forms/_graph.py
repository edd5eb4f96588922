"""
A workbook in OneDrive or SharePoint, through Microsoft Graph: looked at first, downloaded only when it changed.

Source: microsoft-graph-docs-contrib, driveitem-get, driveitem-get-content, shares-get; onedrive-api-docs,
using-sharing-links. ``/content`` answers 302 with an address that needs no credentials: it is followed by hand, without
the bearer, to the hosts of an allow-list. ``Files.Read.All`` (or ``Sites.Selected``) is enough, as an application.
"""

from __future__ import annotations

import base64
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._responses import Export, RawResponse
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.connectors.forms.sources import ExportSnapshot, Snapshot
from periferia_link.errors import (
    ConfigurationError,
    ContractBrokenError,
    FatalConnectorError,
    OriginError,
    PermissionDeniedError,
    ThrottledError,
    UnavailableError,
)
from periferia_link.transport._answers import pause_of, request_id
from periferia_link.transport._credentials import BearerAuth
from periferia_link.transport._http import HttpWire
from periferia_link.transport._json import loads
from periferia_link.transport._origin import Site
from periferia_link.transport._pacing import Gate, gate_for
from periferia_link.transport._transport import Transport
from periferia_link.typing import Clock, Request, Response, TokenProvider, Wire

__all__ = ["DOWNLOAD_HOSTS", "SCOPE", "GraphWorkbook", "share_id"]

SCOPE = "https://graph.microsoft.com/.default"
"""What a token of Entra is asked for."""

DOWNLOAD_HOSTS = ("sharepoint.com", "1drv.com", "onedrive.com", "microsoftpersonalcontent.com", "svc.ms")
"""Where Graph may send us for the bytes of a file: these hosts and those below them."""

_MOVED = "x-content-is-at"
_SIGN_IN = ("login.", "signin", "oauth2")


def share_id(link: str) -> str:
    """Return the id under which Graph knows a sharing link (``u!`` and base64url without padding)."""
    return "u!" + base64.urlsafe_b64encode(link.encode()).decode().rstrip("=")


class GraphWorkbook:
    """
    One file of a drive.

    Args:
        credential: Any object with ``get_token(*scopes)``.

        drive: Id of the drive, with ``item``; or

        item: Id of the file.

        share: A sharing link instead of both.

        url: Address of Graph; another one in national clouds.

        clock: Source of time.

        limits: Bounds of the file.

        sheet: Name of the sheet.

        download_hosts: Hosts that may serve the bytes.

        system: Instance name, for messages.

        wire: Carries the requests instead of the network.

        ca_file: Certificates of a private authority, PEM.

        proxy: Proxy to use.

        allow_private: Graph is an emulator on this machine.

        deadline: Seconds that one request may take.

    Raises:
        ConfigurationError: Neither a drive with an item nor a sharing link, or both.
    """

    kind = "graph"

    def __init__(
        self,
        credential: TokenProvider,
        *,
        clock: Clock,
        drive: str | None = None,
        item: str | None = None,
        share: str | None = None,
        url: str = "https://graph.microsoft.com/v1.0",
        limits: Limits | None = None,
        sheet: str | None = None,
        download_hosts: Sequence[str] = DOWNLOAD_HOSTS,
        system: str = "forms",
        wire: Wire | None = None,
        **line: Any,
    ) -> None:
        if (share is None) == (drive is None or item is None):
            msg = "a workbook is named by drive and item, or by a sharing link"
            raise ConfigurationError(msg, hint="copy the link of the workbook: option share")
        self._place = (
            f"shares/{share_id(share)}/driveItem"
            if share is not None
            else f"drives/{quote(drive or '', safe='!')}/items/{quote(item or '', safe='!')}"
        )
        self._limits, self._sheet, self._clock, self._system = limits or Limits(), sheet, clock, system
        self._hosts = tuple(host.lower().lstrip(".") for host in download_hosts)
        self._wire, self._line = wire, line
        # SharePoint asks that ALL requests of an application pause: everybody of one tenant shares the gate
        self._gate = gate_for((Site(url, allow_private=bool(line.get("allow_private"))).base_url, ""), clock, 4)
        behind = wire or HttpWire(
            Site(url, allow_private=bool(line.get("allow_private"))),
            **{name: value for name, value in line.items() if name != "deadline"},
        )
        self._transport = Transport(
            url,
            system=system,
            clock=clock,
            auth=BearerAuth(credential, SCOPE),
            gate=self._gate,
            wire=_ContentWire(behind, self._gate, clock, system=system),
            **{name: value for name, value in line.items() if name in ("allow_private", "deadline")},
        )
        self._lock = threading.Lock()
        self._kept: tuple[str, Path] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def look(self) -> Snapshot:
        """
        Ask for the metadata of the file; its state is its ``cTag``, which changes with the content only.

        Raises:
            FatalConnectorError: The file is not there, or may not be read.
            TransientError: Graph cannot answer now.
        """
        answer = self._transport.read("GET", self._place)
        self._refused(answer)
        item = loads(answer.body)
        tag = item.get("cTag") or item.get("eTag") if isinstance(item, dict) else None
        if not isinstance(tag, str) or "file" not in item or "deleted" in item:
            msg = "the item is no file, or says nothing of its content"
            raise ContractBrokenError(msg, hint="give the workbook that Forms keeps", system=self._system)
        if isinstance(item.get("size"), int) and item["size"] > self._limits.max_bytes:
            msg = "the workbook is larger than its limit"
            raise ConfigurationError(msg, hint="raise max_bytes if that is right")
        return _Workbook(self, tag, str(item.get("lastModifiedDateTime") or ""))

    def content(self, tag: str) -> Path:
        """
        Return the file with that content, downloaded when it is not the one at hand.

        Raises:
            OriginError: Graph sends us to a host that is not on the list; nothing was sent there.
            TransientError: It cannot be downloaded now.
        """
        with self._lock:
            if self._kept is not None and self._kept[0] == tag:
                return self._kept[1]
            body = self._download()
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="periferia-link-forms-")
            path = Path(self._folder.name) / "workbook"
            part = path.with_suffix(".new")
            part.write_bytes(body)
            part.replace(path)
            self._kept = (tag, path)
            return path

    def _download(self) -> bytes:
        answer = self._transport.read("GET", f"{self._place}/content", headers={"Accept": "*/*"})
        self._refused(answer)
        where = answer.header(_MOVED)
        if where is not None:
            answer = self._fetched(where)
        if len(answer.body) > self._limits.max_bytes:
            msg = "the workbook is larger than its limit"
            raise ConfigurationError(msg, hint="raise max_bytes if that is right")
        return answer.body

    def _fetched(self, where: str) -> Response:
        """Read from the address that Graph gave, which holds its own key: no bearer, no cookie, no further redirect."""
        parts = urlsplit(where)
        host = (parts.hostname or "").lower()
        is_private = bool(self._line.get("allow_private"))
        if not any(host == each or host.endswith(f".{each}") for each in self._hosts):
            msg = f"the content of the workbook is on {host or 'no host'}, which is not on the list"
            raise OriginError(msg, hint="nothing was sent; see download_hosts", system=self._system)
        if parts.scheme != "https" and not is_private:
            msg = "the content of the workbook would come unencrypted"
            raise OriginError(msg, hint="nothing was sent there", system=self._system)
        line = {name: value for name, value in self._line.items() if value is not None}
        transport = Transport(
            f"{parts.scheme}://{parts.netloc}",
            system=self._system,
            clock=self._clock,
            gate=Gate(self._clock),
            max_bytes=self._limits.max_bytes,
            wire=self._wire,
            **line,
        )
        try:
            answer = transport.read("GET", where, headers={"Accept": "*/*"})
        finally:
            if self._wire is None:
                transport.close()
        if answer.status != 200:
            msg = f"the content of the workbook cannot be read (status {answer.status})"
            raise UnavailableError(msg, hint="try again: its address is good for minutes", system=self._system)
        return answer

    def _refused(self, answer: Response) -> None:
        if answer.status in (200, 204):
            return
        told: dict[str, Any] = {"system": self._system, "status_code": answer.status, "code": code_in(answer.body)}
        told["request_id"] = request_id(answer)
        if answer.status == 403:
            msg = "the application may not read the workbook"
            raise PermissionDeniedError(msg, hint="grant Files.Read.All, or Sites.Selected and the site", **told)
        if answer.status in (404, 410):
            msg = "the workbook is not there, or this application does not see it"
            raise FatalConnectorError(msg, hint="was it moved or deleted? copy its link again", **told)
        msg = f"Graph refuses (status {answer.status})"
        raise ContractBrokenError(msg, hint="check drive, item and share", **told)

    def close(self) -> None:
        """Close the connections and delete the downloaded file."""
        self._transport.close()
        with self._lock:
            self._kept = None
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None


class _Workbook:
    """The workbook at one moment; its bytes come when somebody reads answers."""

    def __init__(self, source: GraphWorkbook, state: str, modified: str) -> None:
        self.state = state
        self._source, self._modified = source, modified
        self._opened: ExportSnapshot | None = None

    def export(self) -> Export:
        return self._snapshot().export()

    def _snapshot(self) -> ExportSnapshot:
        if self._opened is None:
            source = self._source
            path = source.content(self.state)
            self._opened = ExportSnapshot(path, self.state, source._limits, source._sheet)  # noqa: SLF001
        return self._opened

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        return self._snapshot().responses(mapping)

    def dates(self, mapping: FormMapping) -> str | None:
        return self._snapshot().dates(mapping)

    def details(self, mapping: FormMapping) -> Mapping[str, str]:
        # nobody promises that answers appear in the workbook while it is closed: its time is told
        return dict(self._snapshot().details(mapping)) | {"modified": self._modified}


class _ContentWire:
    """Turns the redirect to the content into an answer that can be judged, and 509 into the 429 that it means."""

    def __init__(self, wire: Wire, gate: Gate, clock: Clock, *, system: str) -> None:
        self._wire, self._gate, self._clock, self._system = wire, gate, clock, system

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Send a request (see :class:`periferia_link.typing.Wire`).

        Raises:
            ThrottledError: The bandwidth of the tenant is used up.
        """
        answer = self._wire.send(request, deadline=deadline)
        if answer.status in (503, 509) and answer.header("retry-after") is not None:
            pause = pause_of(answer, now=self._clock.now())
            self._gate.pause(pause)
            msg = "Graph asks to slow down"
            raise ThrottledError(msg, hint="it goes on by itself", status_code=answer.status, retry_after=pause)
        where = answer.header("location") or ""
        is_content = request.url.partition("?")[0].endswith("/content")
        if is_content and answer.status in (302, 307) and not any(word in where.lower() for word in _SIGN_IN):
            return Response(204, ((_MOVED, where),))
        return answer

    def close(self) -> None:
        """Close the wire behind."""
        self._wire.close()


def code_in(body: bytes) -> str | None:
    """Return the deepest code of an error of Graph: ``innerError``, or ``innererror`` as OneDrive writes it."""
    try:
        told: Any = loads(body)
    except ContractBrokenError:
        return None
    told = told.get("error") if isinstance(told, dict) else None
    code = None
    while isinstance(told, dict):
        code = told["code"] if isinstance(told.get("code"), str) else code
        told = told.get("innerError", told.get("innererror"))
    return code
