"""Nothing that proves who we are gets into a log, whatever its level."""

from __future__ import annotations

import base64
import logging
import traceback
from contextlib import closing
from urllib.parse import quote

import pytest

from periferia_link.errors import LinkError
from periferia_link.transport import _http
from periferia_link.transport._sockets import exchange
from periferia_link.transport._transport import Transport

CANARY = "c4n4ry~s3cret/+value"
LIBRARY = _http.httpcore.__name__


def forms(secret: str) -> list[str]:
    """The secret as it could turn up."""
    return [secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe=""), secret[-8:]]


def shown_variables(error: BaseException) -> list[str]:
    """What a traceback with variables would print of our frames."""
    frames = [frame for frame in traceback.walk_tb(error.__traceback__) if "/tests/" not in frame[0].f_code.co_filename]
    return [str(frame.locals) for frame in traceback.StackSummary.extract(iter(frames), capture_locals=True)]


class FixedAuth:
    def headers(self):
        return {"Authorization": f"Bearer {CANARY}", "Cookie": f"B1SESSION={CANARY}", "api-key": CANARY}

    def renew(self, used):
        return True


ANSWERS = {
    "an answer with a session cookie": lambda tools: tools.answer(headers=f"Set-Cookie: B1SESSION={CANARY}\r\n"),
    "refused": lambda tools: tools.answer(status="401 Unauthorized", headers=f"WWW-Authenticate: {CANARY}\r\n"),
    "throttled": lambda tools: tools.answer(status="429 Slow down", headers=f"Set-Cookie: x={CANARY}\r\n"),
    "down": lambda tools: tools.answer(status="503 Down", headers=f"X: {CANARY}\r\n"),
    "redirected": lambda tools: tools.answer(
        status="302 Found", headers=f"Location: https://b.example/?t={CANARY}\r\n"
    ),
    "a page": lambda tools: tools.answer(f"<html>{CANARY}".encode(), kind="text/html"),
    "no HTTP": lambda _: f"Set-Cookie: {CANARY}\r\n\r\n".encode(),
    "a bad header": lambda _: f"HTTP/1.1 200 OK\r\nSet Cookie: {CANARY}\r\n\r\n".encode(),
    "cut": lambda _: f"HTTP/1.1 200 OK\r\nSet-Cookie: {CANARY}\r\nContent-Length: 10\r\n\r\n".encode(),
}


class TestCanary:
    """A unique secret in every place where one can be."""

    @pytest.mark.parametrize("name", ANSWERS)
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_debug_log_and_errors(self, serve, tools, clock, authority, caplog, name: str, tls: bool) -> None:
        """Root logger at DEBUG: no form of it in any record or error, and the rest of the log is there."""
        caplog.set_level(logging.DEBUG)
        data = ANSWERS[name](tools)

        def play(line):
            line.request()
            line.answer(data)

        server = serve(play, tls=tls)
        ours = Transport(
            server.url,
            system="erp",
            clock=clock,
            allow_private=True,
            auth=FixedAuth(),
            ca_file=authority[1],
            deadline=5.0,
        )
        errors = []
        for call in (
            lambda: ours.read("GET", f"a?sig={quote(CANARY, safe='')}"),
            lambda: ours.send("POST", f"a?sig={quote(CANARY, safe='')}", body=CANARY.encode()),
        ):
            try:
                call()
            except LinkError as exc:
                chain = [each for each in (exc, exc.__cause__, exc.__context__) if each]
                errors += [f"{each} {each!r} {getattr(each, 'to_dict', dict)()}" for each in chain]
                errors += [variables for each in chain for variables in shown_variables(each)]
        ours.close()
        told = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records] + errors
        assert any("connect_tcp" in line for line in told)
        assert [] == [line for line in told for form in forms(CANARY) if form in line]

    def test_the_event_stays(self, serve, tools, clock, caplog) -> None:
        """Only what came back is left out, not that something came."""
        caplog.set_level(logging.DEBUG)
        ours = Transport(serve(tools.answer()).url, system="erp", clock=clock, allow_private=True)
        ours.read("GET", "a")
        ours.close()
        assert "receive_response_headers.complete (kept out of the log)" in caplog.messages
        assert any(message.startswith("send_request_headers.started request=") for message in caplog.messages)


class TestOthers:
    """The log of other users of the library is theirs."""

    def test_is_not_touched(self, serve, tools, clock, caplog) -> None:
        """Records outside of our exchanges pass as they are."""
        with closing(Transport(serve(tools.answer()).url, system="erp", clock=clock, allow_private=True)) as ours:
            ours.read("GET", "a")  # the log is looked after from the first connection on
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        log = logging.getLogger(f"{LIBRARY}.http11")
        log.debug("receive_response_headers.complete return_value=%s", "theirs")
        with exchange(1.0):
            log.debug("receive_response_headers.complete return_value=%s", "ours")
        assert [
            "receive_response_headers.complete return_value=theirs",
            "receive_response_headers.complete (kept out of the log)",
        ] == caplog.messages
