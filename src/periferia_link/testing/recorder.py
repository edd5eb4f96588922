"""
Turns a live exchange into a fixture without secrets, and plays it back.

::

    with Recorder(wire, "exchange.jsonl", secrets=[token]) as recording:      # once, against the real system
        Periticket(url, token=token, wire=recording).check()

    replay = Replay.load("exchange.jsonl")                                    # in the tests, for ever
    Periticket(url, token=SecretStr("x"), wire=replay).check()

What is redacted is decided by :class:`Redaction`; what leaves the machine is one line of JSON an exchange, written
only after it was redacted. Equal values stay equal: an id that was replaced is replaced by the same one everywhere.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from periferia_link.errors import ConfigurationError, LinkError, OutcomeUnknownError, UnavailableError
from periferia_link.testing._redaction import Redaction
from periferia_link.typing import Request, Response, Wire

__all__ = ["Recorder", "Redaction", "Replay"]

_VOLATILE = frozenset(
    {"date", "set-cookie", "x-ms-request-id", "req_id", "server", "content-length", "transfer-encoding"}
)


class Recorder:
    """
    Carries requests over another wire and writes down what was said, redacted.

    Args:
        wire: What really carries them.

        path: The file to write; one line an exchange, in order. An existing file is refused.

        secrets: Credentials in use: wherever one of them stands, in whatever form, it is replaced.

        redaction: What else is personal or secret; the rules of :class:`Redaction` without it.

    Raises:
        ConfigurationError: The file exists, or cannot be written.
    """

    def __init__(
        self, wire: Wire, path: str | Path, *, secrets: Collection[str] = (), redaction: Redaction | None = None
    ) -> None:
        self._wire = wire
        self._redaction = (redaction or Redaction()).knowing(secrets)
        self._lock = threading.Lock()
        self._number = 0
        try:
            self._file = Path(path).open("x", encoding="utf-8")  # noqa: SIM115 - closed with the recorder
        except OSError as exc:
            msg = f"the recording cannot be written to {Path(path).name} ({exc.strerror})"
            raise ConfigurationError(msg, hint="name a file that does not exist, in a folder that does") from None

    def send(self, request: Request, *, deadline: float) -> Response:
        """
        Carry the request, and write down the exchange.

        Raises:
            LinkError: As the wire behind; a failure is written down too.
        """
        try:
            response = self._wire.send(request, deadline=deadline)
        except LinkError as exc:
            self._write(request, {"error": type(exc).__name__})
            raise
        self._write(
            request,
            {
                "status": response.status,
                "headers": self._redaction.headers(response.headers, drop=_VOLATILE),
                "body": self._redaction.body(response.body, response.header("Content-Type")),
            },
        )
        return response

    def _write(self, request: Request, answer: Mapping[str, Any]) -> None:
        asked = {
            "method": request.method,
            "url": self._redaction.url(request.url),
            "intent": request.intent,
            "headers": self._redaction.headers(request.headers),
            "body": self._redaction.body(request.body, request.header("Content-Type")),
        }
        with self._lock:
            self._number += 1
            line = {"n": self._number, "request": asked, "response": answer}
            self._file.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file and the wire behind."""
        self._file.close()
        self._wire.close()

    def __enter__(self) -> Recorder:  # noqa: PYI034 - Self is not in typing before 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Replay:
    """
    Answers from a recording: each line once, to the next request of that method, address and body.

    Ids and names that were replaced are compared as they stand in the file. A request that is not in it, or comes
    more often than it was recorded, ends in ConfigurationError that names the nearest line.

    Args:
        lines: What a :class:`Recorder` wrote, parsed.

        redaction: The rules that the recording was made with.
    """

    def __init__(self, lines: Iterable[Mapping[str, Any]], *, redaction: Redaction | None = None) -> None:
        self._redaction = redaction or Redaction()
        self._left = [dict(line) for line in lines]
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: str | Path, *, redaction: Redaction | None = None) -> Replay:
        """
        Read a recording.

        Raises:
            ConfigurationError: There is no such file, or it is none.
        """
        lines: list[Any] = []
        try:
            lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, ValueError):
            lines = [None]
        if not all(isinstance(line, dict) and {"request", "response"} <= set(line) for line in lines):
            msg = f"{Path(path).name} is no recording"
            raise ConfigurationError(msg, hint="make it with periferia_link.testing.recorder.Recorder")
        return cls(lines, redaction=redaction)

    @property
    def left(self) -> int:
        """How many exchanges were not asked for yet."""
        return len(self._left)

    def send(self, request: Request, *, deadline: float) -> Response:  # noqa: ARG002 - nothing takes time
        """
        Answer as it was recorded.

        Raises:
            ConfigurationError: The request is not in the recording.
            UnavailableError: The line broke at this place, before or during a read.
            OutcomeUnknownError: It broke at this place during a write.
        """
        wanted = self._of(request)
        with self._lock:
            place = next((i for i, line in enumerate(self._left) if self._asked(line) == wanted), None)
            if place is None:
                raise self._unknown(wanted)
            line = self._left.pop(place)
        answer = line["response"]
        if "error" in answer:
            broken = OutcomeUnknownError if request.intent == "write" else UnavailableError
            msg = f"the recording holds a failure here ({answer['error']})"
            raise broken(msg, hint="read it back" if request.intent == "write" else "try again")
        headers = tuple((str(name), str(value)) for name, value in answer["headers"])
        return Response(int(answer["status"]), headers, self._redaction.bytes_of(answer["body"]))

    def _of(self, request: Request) -> tuple[str, str, str]:
        body = self._redaction.body(request.body, request.header("Content-Type"))
        return request.method, self._redaction.url(request.url), json.dumps(body, sort_keys=True)

    def _asked(self, line: Mapping[str, Any]) -> tuple[str, str, str]:
        asked = line["request"]
        return str(asked["method"]), str(asked["url"]), json.dumps(asked["body"], sort_keys=True)

    def _unknown(self, wanted: tuple[str, str, str]) -> ConfigurationError:
        method, url, _ = wanted
        same = [line for line in self._left if self._asked(line)[:2] == (method, url)]
        msg = f"the recording has no answer to {method} {url}" + (" with this body" if same else "")
        near = ", ".join(sorted({f"{one['request']['method']} {one['request']['url']}" for one in self._left})[:3])
        return ConfigurationError(msg, hint=f"it still holds {near}" if near else "everything in it was asked for")

    def close(self) -> None:
        """Close nothing: there are no connections."""
