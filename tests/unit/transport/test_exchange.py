"""Reads and writes over a wire that plays what it is told."""

from __future__ import annotations

import traceback

import pytest

from periferia_link.errors import (
    AuthenticationError,
    ConfigurationError,
    LinkError,
    OriginError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ThrottledError,
    UnavailableError,
    WriteRefusedError,
)
from periferia_link.transport._pacing import Gate
from periferia_link.transport._transport import Transport
from periferia_link.typing import Response

JSON = (("Content-Type", "application/json"),)
OK = Response(200, JSON, b"{}")


class FakeWire:
    """Answers from a list, the last answer again and again; exceptions are raised."""

    def __init__(self, *answers, on_send=lambda request: None) -> None:
        self._answers = list(answers) or [OK]
        self._on_send = on_send
        self.requests = []
        self.deadlines = []
        self.is_closed = False

    def send(self, request, *, deadline):
        self.requests.append(request)
        self.deadlines.append(deadline)
        self._on_send(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        self.is_closed = True


class FakeAuth:
    """Numbered tokens; notes what was refused."""

    def __init__(self, *, renews=True) -> None:
        self.number = 1
        self.refused = []
        self._renews = renews

    def headers(self):
        return {"Authorization": f"Bearer c4n4ry-{self.number}"}

    def renew(self, used):
        self.refused.append(used["Authorization"])
        self.number += 1
        if isinstance(self._renews, Exception):
            raise self._renews
        return self._renews


@pytest.fixture
def over(clock):
    """Make a transport over a fake wire with these answers."""

    def make(*answers, **options):
        wire = answers[0] if answers and isinstance(answers[0], FakeWire) else FakeWire(*answers)
        return Transport("https://erp.example/api", system="erp", clock=clock, wire=wire, **options), wire

    return make


def status(code, *headers, body=b"", kind="application/json"):
    return Response(code, (("Content-Type", kind), *headers), body)


class TestAnswers:
    """What a read returns, and what it raises."""

    @pytest.mark.parametrize("code", [200, 201, 202, 204, 206, 304, 400, 403, 404, 409, 410, 412, 422, 428])
    def test_returned_at_once(self, over, clock, code: int) -> None:
        """The connector classifies these by the system's own codes."""
        transport, wire = over(status(code))
        assert code == transport.read("GET", "a").status
        assert (1, []) == (len(wire.requests), clock.sleeps)

    @pytest.mark.parametrize("code", [500, 502, 503, 504, 599, 408])
    def test_unavailable_after_three_attempts(self, over, code: int) -> None:
        """With status, the system's code and the id for its support."""
        body = b'{"error":{"code":"0x80044151","message":"SQL timeout of Juan"}}'
        transport, wire = over(status(code, ("x-ms-service-request-id", "7"), body=body))
        with pytest.raises(UnavailableError) as caught:
            transport.read("GET", "accounts(8c98)/tasks?$filter=name eq 'c4n4ry'")
        error = caught.value
        assert 3 == len(wire.requests)
        assert (code, "0x80044151", "7", "erp") == (error.status_code, error.code, error.request_id, error.system)
        assert "GET /api/accounts(…)/tasks" == error.operation
        assert "Juan" not in str(error.to_dict())
        assert "c4n4ry" not in str(error.to_dict())

    def test_a_burst_is_survived(self, over, clock) -> None:
        """Two failures of any kind, then the answer."""
        transport, wire = over(UnavailableError("down"), status(503, ("Retry-After", "17")), OK)
        assert OK == transport.read("GET", "a")
        assert 3 == len(wire.requests)
        assert 17.0 == clock.sleeps[1]

    @pytest.mark.parametrize(
        ("code", "kind", "body"),
        [
            (200, "text/html; charset=utf-8", b"<!DOCTYPE html>"),
            (203, "text/html", b"sign in"),
            (200, "application/json", b"<html>"),
            (200, "text/plain", b"\xef\xbb\xbf  \r\n<html>"),
            (201, "Text/HTML", b""),
        ],
    )
    def test_a_web_page_is_a_matter_of_credentials(self, over, code: int, kind: str, body: bytes) -> None:
        """Never parsed as an empty answer, never tried again."""
        transport, wire = over(status(code, body=body, kind=kind))
        with pytest.raises(AuthenticationError, match=r"web page instead of data.*check the credential"):
            transport.read("GET", "a")
        assert 1 == len(wire.requests)

    def test_a_web_page_instead_of_a_batch(self, over) -> None:
        """Whatever was asked for, unless it was HTML."""
        transport, _ = over(status(200, kind="text/html", body=b"<html>"))
        with pytest.raises(AuthenticationError):
            transport.read("POST", "$batch", headers={"Accept": "multipart/mixed"})

    def test_what_is_no_web_page(self, over) -> None:
        """A count in plain text, XML that was asked for, HTML with an error status."""
        transport, _ = over(status(200, kind="text/plain", body=b"42"))
        assert b"42" == transport.read("GET", "a/$count").body
        transport, _ = over(status(200, kind="application/xml", body=b"<edmx/>"))
        assert b"<edmx/>" == transport.read("GET", "$metadata", headers={"Accept": "application/xml"}).body
        transport, _ = over(status(200, kind="text/html", body=b"<html>"))
        assert b"<html>" == transport.read("GET", "page", headers={"Accept": "text/html"}).body
        transport, _ = over(status(404, kind="text/html", body=b"<html>"))
        assert 404 == transport.read("GET", "a").status

    @pytest.mark.parametrize("code", [200, 302, 400, 401, 404, 412, 429, 500, 503])
    def test_a_write_gets_every_answer(self, over, clock, code: int) -> None:
        """Once, whatever the status, HTML or not."""
        transport, wire = over(status(code, kind="text/html", body=b"<html>"))
        assert code == transport.send("POST", "a").status
        assert (1, []) == (len(wire.requests), clock.sleeps)


class TestFailures:
    """What a wire raises."""

    def test_unknown_is_unavailable_for_a_read(self, over) -> None:
        """A wire that does not look at the intent does not make a read fatal."""
        transport, wire = over(OutcomeUnknownError("cut"))
        with pytest.raises(UnavailableError, match="cut"):
            transport.read("GET", "a")
        assert 3 == len(wire.requests)

    @pytest.mark.parametrize("failure", [OutcomeUnknownError("cut"), UnavailableError("refused")])
    def test_a_write_keeps_its_fate(self, over, failure: LinkError) -> None:
        """One request; the error says which system and operation."""
        transport, wire = over(failure)
        with pytest.raises(type(failure)) as caught:
            transport.send("POST", "Orders(7)/Cancel")
        assert 1 == len(wire.requests)
        assert ("erp", "POST /api/Orders(…)/Cancel") == (caught.value.system, caught.value.operation)

    def test_the_deadline_of_a_read_is_one_for_all_attempts(self, over, clock) -> None:
        """Time on the line adds up; pauses do not count."""
        wire = FakeWire(UnavailableError("cut"), on_send=lambda _: setattr(clock, "seconds", clock.seconds + 4))
        transport, _ = over(wire, deadline=10.0)
        with pytest.raises(UnavailableError):
            transport.read("GET", "a")
        assert [10.0, 6.0, 2.0] == wire.deadlines

    def test_no_attempt_without_time(self, over, clock) -> None:
        """A read that used up its deadline is not tried again."""
        wire = FakeWire(RequestTimeoutError("slow"), on_send=lambda _: setattr(clock, "seconds", clock.seconds + 10))
        transport, _ = over(wire, deadline=10.0)
        with pytest.raises(RequestTimeoutError):
            transport.read("GET", "a")
        assert 1 == len(wire.requests)

    def test_signing_in_is_part_of_the_deadline(self, over, clock) -> None:
        """A write whose time went into the sign-in is not sent late."""

        class Slow(FakeAuth):
            def headers(self):
                clock.seconds += 31
                return super().headers()

        transport, wire = over(auth=Slow())
        with pytest.raises(UnavailableError, match="before anything was sent"):
            transport.send("POST", "a")
        with pytest.raises(RequestTimeoutError):
            transport.read("GET", "a")
        assert [] == wire.requests

    def test_a_foreign_link(self, over) -> None:
        """Refused before the wire sees it, with the system in the error."""
        transport, wire = over()
        for call in (
            transport.url,
            lambda link: transport.read("GET", link),
            lambda link: transport.send("POST", link),
        ):
            with pytest.raises(OriginError) as caught:
                call("https://evil.example/")
            assert "erp" == caught.value.system
        assert [] == wire.requests


class TestThrottling:
    """429 pauses everybody at the gate."""

    def test_a_read_waits_as_asked(self, over, clock) -> None:
        """Then succeeds."""
        transport, wire = over(status(429, ("Retry-After", "33")), OK)
        assert OK == transport.read("GET", "a")
        assert [0, 33.0] == clock.sleeps
        assert 2 == len(wire.requests)

    @pytest.mark.parametrize(("header", "seconds"), [("1e9", 5.0), ("-1", 5.0), ("nan", 5.0), ("99999999999", 300.0)])
    def test_nonsense(self, over, clock, header: str, seconds: float) -> None:
        """A pause of our own, or the longest."""
        transport, _ = over(status(429, ("Retry-After", header)), OK)
        transport.read("GET", "a")
        assert seconds == sum(clock.sleeps)

    def test_patience_ends(self, over) -> None:
        """Three attempts; the error says how long to wait."""
        transport, wire = over(status(429, ("Retry-After", "8")))
        with pytest.raises(ThrottledError) as caught:
            transport.read("GET", "a")
        assert (3, 8.0) == (len(wire.requests), caught.value.retry_after)

    def test_a_write_pauses_the_others(self, over, clock) -> None:
        """It is not sent again; a read behind the same gate waits."""
        gate = Gate(clock)
        writer, _ = over(status(429, ("Retry-After", "20")), gate=gate)
        reader, _ = over(OK, gate=gate)
        assert 429 == writer.send("POST", "a").status
        assert [] == clock.sleeps
        reader.read("GET", "a")
        assert [20.0] == clock.sleeps

    def test_a_write_does_not_wait_beyond_its_deadline(self, over, clock) -> None:
        """The engine counts from before the call: rather not sent than sent late."""
        gate = Gate(clock)
        transport, wire = over(OK, gate=gate, deadline=30.0)
        gate.pause(31.0)
        with pytest.raises(UnavailableError, match="nothing was sent") as caught:
            transport.send("POST", "a")
        assert (0, 31.0, "erp") == (len(wire.requests), caught.value.retry_after, caught.value.system)
        gate.pause(31.0)
        clock.seconds += 11
        transport.send("POST", "a")
        assert [10.0] == wire.deadlines


class TestPlanOnly:
    """A promise kept in the transport."""

    def test_writes_are_refused_first(self, over) -> None:
        """Before credentials, before the address is looked at."""
        auth = FakeAuth()
        transport, wire = over(plan_only=True, auth=auth)
        for path in ("a", "https://evil.example/"):
            with pytest.raises(WriteRefusedError) as caught:
                transport.send("POST", path)
        assert ([], "erp") == (wire.requests, caught.value.system)

    def test_sessions_and_reads_pass(self, over) -> None:
        """Signing in changes no business record."""
        transport, wire = over(plan_only=True)
        transport.send("POST", "Login", intent="session")
        transport.read("GET", "a")
        assert ["session", "read"] == [request.intent for request in wire.requests]


class TestCredentials:
    """Put on every request, renewed once, never shown."""

    def test_renewed_and_replayed_once(self, over) -> None:
        """A token that expired during a read costs one request."""
        auth = FakeAuth()
        transport, wire = over(status(401), OK, auth=auth)
        assert OK == transport.read("GET", "a")
        assert ["Bearer c4n4ry-1", "Bearer c4n4ry-2"] == [each.header("authorization") for each in wire.requests]
        assert ["Bearer c4n4ry-1"] == auth.refused

    def test_refused_for_ever(self, over) -> None:
        """One replay, then typed; no retry after that."""
        auth = FakeAuth()
        transport, wire = over(status(401, body=b'{"error":{"code":301,"message":{"value":"x"}}}'), auth=auth)
        with pytest.raises(AuthenticationError) as caught:
            transport.read("GET", "a")
        assert (2, 1, "301", 401) == (
            len(wire.requests),
            len(auth.refused),
            caught.value.code,
            caught.value.status_code,
        )

    def test_one_renewal_for_all_attempts(self, over) -> None:
        """A system that alternates between 401 and 503 does not make us sign in again and again."""
        auth = FakeAuth()
        transport, wire = over(status(401), status(503), status(401), auth=auth)
        with pytest.raises(AuthenticationError):
            transport.read("GET", "a")
        assert (3, 1) == (len(wire.requests), len(auth.refused))

    def test_nothing_to_renew(self, over) -> None:
        """No second request with the same password."""
        for auth in (FakeAuth(renews=False), None):
            transport, wire = over(status(401), auth=auth)
            with pytest.raises(AuthenticationError):
                transport.read("GET", "a")
            assert 1 == len(wire.requests)

    @pytest.mark.parametrize("renews", [True, False, UnavailableError("entra is down"), AuthenticationError("no")])
    def test_a_write_is_not_replayed(self, over, renews) -> None:
        """The credentials are renewed for the next request; the answer is told, come what may."""
        auth = FakeAuth(renews=renews)
        transport, wire = over(status(401), auth=auth)
        assert 401 == transport.send("POST", "a").status
        assert (1, 1) == (len(wire.requests), len(auth.refused))

    @pytest.mark.parametrize(
        "failure", [UnavailableError("no route", retry_after=3.0), OutcomeUnknownError("cut"), ThrottledError("busy")]
    )
    def test_a_sign_in_that_fails_sends_nothing(self, over, failure) -> None:
        """Whatever became of the login, the write itself did not leave."""

        class Failing(FakeAuth):
            def headers(self):
                raise failure

        transport, wire = over(auth=Failing())
        with pytest.raises(UnavailableError, match="signing in failed, nothing was sent") as caught:
            transport.send("POST", "a")
        assert (0, failure.retry_after) == (len(wire.requests), caught.value.retry_after)
        with pytest.raises(UnavailableError):
            transport.read("GET", "a")
        assert [] == wire.requests

    def test_credentials_win(self, over) -> None:
        """Over headers of the transport and of the request, whatever their case; no header comes twice."""
        transport, wire = over(auth=FakeAuth(), headers={"authorization": "x", "OData-Version": "4.0"})
        transport.read("GET", "a", headers={"AUTHORIZATION": "y", "odata-version": "4.01"})
        headers = {name.lower(): value for name, value in wire.requests[0].headers}
        assert ("Bearer c4n4ry-1", "4.01") == (headers["authorization"], headers["odata-version"])
        assert len(headers) == len(wire.requests[0].headers)

    @pytest.mark.parametrize("verb", ["read", "send"])
    def test_a_traceback_with_variables_shows_no_secret(self, over, verb: str) -> None:
        """Not the token, not the body, not the value of a header."""
        transport, _ = over(OutcomeUnknownError("cut"), auth=FakeAuth())
        with pytest.raises(LinkError) as caught:
            getattr(transport, verb)("POST", "Login?sig=c4n4ry", headers={"X": "c4n4ry"}, body=b"password=c4n4ry")
        error: BaseException | None = caught.value
        shown = []
        while error is not None:
            inside = traceback.StackSummary.extract(
                (
                    frame
                    for frame in traceback.walk_tb(error.__traceback__)
                    if "/unit/transport/" not in frame[0].f_code.co_filename
                ),
                capture_locals=True,
            )
            shown += [str(frame.locals) for frame in inside]
            error = error.__cause__ or error.__context__
        assert shown
        assert "c4n4ry" not in "".join(shown)


class TestTransport:
    """The object itself."""

    def test_addresses(self, over) -> None:
        """``base_url`` has no slash at the end; paths and links become absolute."""
        transport, _ = over()
        assert "https://erp.example/api" == transport.base_url
        assert "https://erp.example/api/a" == transport.url("a")
        assert "https://erp.example/a" == transport.url("/a")
        assert 30.0 == transport.deadline

    def test_representation(self, over) -> None:
        """Name and origin, nothing secret."""
        transport, _ = over(auth=FakeAuth())
        assert "Transport('erp', https://erp.example)" == repr(transport)

    def test_closing(self, over) -> None:
        """Closes the wire."""
        transport, wire = over()
        transport.close()
        assert wire.is_closed

    def test_an_address_is_checked_with_a_wire_too(self, clock) -> None:
        """An emulator in the same process stands for an address that could be real."""
        with pytest.raises(ConfigurationError):
            Transport("http://erp.example", system="erp", clock=clock, wire=FakeWire())

    def test_repeatable(self, tools) -> None:
        """With a clock that somebody moves, two runs pause the same."""
        sleeps = []
        for _ in range(2):
            clock = tools.Clock()
            transport = Transport(
                "https://erp.example", system="erp", clock=clock, wire=FakeWire(UnavailableError("x"))
            )
            with pytest.raises(UnavailableError):
                transport.read("GET", "a")
            sleeps.append(clock.sleeps)
        assert sleeps[0] == sleeps[1]
