"""The socket below the client."""

from __future__ import annotations

import select
import socket

import pytest

from periferia_link.transport._sockets import DeadlineSocket, exchange, is_under_way


@pytest.fixture
def pair():
    """A socket of ours and its other end."""
    ours, theirs = socket.socketpair()
    yield DeadlineSocket(ours, carries_requests=True), theirs
    ours.close()
    theirs.close()


class TestExchange:
    """What a thread remembers while a request is under way."""

    def test_nothing_left_and_nothing_came(self, pair) -> None:
        """Until something does."""
        sock, theirs = pair
        with exchange(1.0) as current:
            assert (False, False) == (current.is_sent, current.is_heard)
            sock.write(b"x")
            assert (True, False) == (current.is_sent, current.is_heard)
            theirs.sendall(b"y")
            assert b"y" == sock.read()
            assert (True, True) == (current.is_sent, current.is_heard)

    def test_what_is_no_request(self, pair) -> None:
        """Bytes to a proxy do not count as sent."""
        theirs = pair[1]
        with exchange(1.0) as current:
            DeadlineSocket(theirs, carries_requests=False).write(b"CONNECT")
            assert not current.is_sent

    def test_a_failing_write_counts_as_sent(self, pair) -> None:
        """Nobody knows how much left: "nothing was sent" is never claimed wrongly."""
        sock, theirs = pair
        theirs.close()
        with exchange(1.0) as current:
            with pytest.raises(OSError):
                sock.write(b"x")
            assert current.is_sent

    def test_over(self, pair) -> None:
        """No operation begins after the deadline; outside of an exchange nothing waits."""
        sock, _ = pair
        assert not is_under_way()
        with exchange(0.0) as current:
            assert is_under_way()
            assert current.is_over
            with pytest.raises(TimeoutError):
                sock.write(b"x")
            assert not current.is_sent
        with pytest.raises(BlockingIOError):
            sock.read()

    def test_a_long_answer(self, pair) -> None:
        """Of a long answer everything that is there comes at once, up to a limit; nothing is waited for."""
        sock, theirs = pair
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        answer = bytes(range(256)) * 200  # 51,200 bytes: three records and a bit
        with exchange(5.0):
            theirs.sendall(answer)
            first = sock.read()
            theirs.sendall(b"the next one")
            theirs.close()
            rest = [first, *iter(sock.read, b"")]
        assert len(first) > 16_384
        assert answer + b"the next one" == b"".join(rest)


class TestReadable:
    """Whether an idle connection has something to say."""

    @pytest.mark.parametrize("has_poll", [True, False])
    def test_each(self, pair, monkeypatch, has_poll: bool) -> None:
        """Silent, closed by the other side, closed by us; with select where there is no poll."""
        if not has_poll:
            monkeypatch.delattr(select, "poll", raising=False)
        sock, theirs = pair
        assert not sock.is_readable
        theirs.close()
        assert sock.is_readable
        sock.close()
        assert sock.is_readable
