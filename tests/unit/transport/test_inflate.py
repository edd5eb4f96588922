"""Unpacking: whole, bounded, and with flat memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from periferia_link.errors import ContractBrokenError, OutcomeUnknownError, UnavailableError
from periferia_link.transport._inflate import whole_body
from periferia_link.transport._transport import Transport

DATA = bytes(range(256)) * 5000
MEBIBYTE = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress(DATA)),
    "x-gzip": ("X-GZip ", gzip.compress(DATA)),
    "deflate": ("deflate", zlib.compress(DATA)),
    "bare deflate": ("deflate", raw_deflate(DATA)),
    "nothing": ("", DATA),
    "identity": ("identity", DATA),
}


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class TestWhole:
    """What was packed comes back."""

    @pytest.mark.parametrize(("encoding", "packed"), PACKED.values(), ids=PACKED.keys())
    @pytest.mark.parametrize("size", [1, 1000, 10**9])
    def test_any_pieces(self, encoding: str, packed: bytes, size: int) -> None:
        """However the bytes arrive."""
        assert DATA == whole_body(pieces(packed, size), encoding=encoding, max_bytes=len(DATA))

    @pytest.mark.parametrize(("encoding", "packed"), PACKED.values(), ids=PACKED.keys())
    @pytest.mark.parametrize("length", [1, len(DATA) - 1, len(DATA), len(DATA) + 1, 10**12])
    def test_any_length_that_was_told(self, encoding: str, packed: bytes, length: int) -> None:
        """It says how much memory to take, and nothing of what comes."""
        told = whole_body(pieces(packed, 1000), encoding=encoding, max_bytes=2 * len(DATA), length=length)
        assert DATA == told

    def test_nothing(self) -> None:
        """An empty body is empty, packed or not."""
        assert b"" == whole_body([], encoding="gzip", max_bytes=1)
        assert b"" == whole_body([b""], encoding="gzip", max_bytes=1)
        assert b"" == whole_body([gzip.compress(b"")], encoding="gzip", max_bytes=1)

    @pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
    @pytest.mark.parametrize("more", [0, 1, 100, 257])
    def test_a_length_around_whole_steps(self, pack, more: int) -> None:
        """Output that a step cuts in the middle of a repetition, after the last byte of input was read."""
        data = b"x" * (512 * 1024 + more)
        encoding = "gzip" if pack is gzip.compress else "deflate"
        assert data == whole_body([pack(data)], encoding=encoding, max_bytes=len(data))


class TestDamaged:
    """Cut or changed on the way: never returned in part."""

    @pytest.mark.parametrize("keep", [1, 5, 12, 100, -1, -9])
    def test_cut(self, keep: int) -> None:
        """gzip knows its end."""
        with pytest.raises(UnavailableError, match="cut short"):
            whole_body([gzip.compress(DATA)[:keep]], encoding="gzip", max_bytes=10**9)

    def test_changed(self) -> None:
        """A wrong checksum, no gzip at all, something behind the end."""
        packed = gzip.compress(DATA)
        for damaged in ([packed[:-8] + b"\0" * 8], [b"{}"], [packed + b"more"], [packed, b"more"], [packed, packed]):
            with pytest.raises(UnavailableError):
                whole_body(damaged, encoding="gzip", max_bytes=10**9)

    @pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
    def test_codings_that_were_not_asked_for(self, encoding: str) -> None:
        """A broken contract."""
        with pytest.raises(ContractBrokenError):
            whole_body([b"x"], encoding=encoding, max_bytes=10)


class TestBounded:
    """A limit on what comes out, while it comes out."""

    @pytest.mark.parametrize(("encoding", "packed"), PACKED.values(), ids=PACKED.keys())
    def test_one_byte_too_many(self, encoding: str, packed: bytes) -> None:
        """The limit counts unpacked bytes."""
        with pytest.raises(ContractBrokenError, match="larger than"):
            whole_body(pieces(packed, 1000), encoding=encoding, max_bytes=len(DATA) - 1)

    def test_a_length_that_is_a_lie(self) -> None:
        """Of a terabyte that never comes, 16 MiB are set aside."""
        tracemalloc.start()
        assert b"ab" == whole_body([b"a", b"b"], encoding="", max_bytes=10**12, length=10**12)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 17 * MEBIBYTE

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_bomb(self, encoding: str) -> None:
        """200 kB that hold 200 MiB: typed, and memory stays below the limit and a step."""
        packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
        bomb = b"".join(packer.compress(b"\0" * MEBIBYTE) for _ in range(200)) + packer.flush()
        assert len(bomb) < 210_000
        tracemalloc.start()
        with pytest.raises(ContractBrokenError):
            whole_body([bomb], encoding=encoding, max_bytes=16 * MEBIBYTE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * MEBIBYTE

    def test_on_the_line(self, serve, tools, clock) -> None:
        """A read ends typed and at once, a write is unknown; nobody waits for the rest of a large answer."""
        bomb = gzip.compress(b"\0" * 10 * MEBIBYTE)
        server = serve(tools.answer(bomb, headers="Content-Encoding: gzip\r\n"))
        ours = Transport(server.url, system="erp", clock=clock, allow_private=True, max_bytes=MEBIBYTE)
        with pytest.raises(ContractBrokenError, match="larger than 1048576 bytes"):
            ours.read("GET", "a")
        with pytest.raises(OutcomeUnknownError):
            ours.send("POST", "a")
        assert 2 == len(server.requests)
        ours.close()
