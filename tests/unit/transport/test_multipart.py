"""Batches: what is written, and every dialect that is read."""

from __future__ import annotations

import pytest

from periferia_link.errors import ConfigurationError, ContractBrokenError
from periferia_link.transport._json import loads
from periferia_link.transport._multipart import BatchPart, PartAnswer, decode_batch, encode_batch
from periferia_link.transport._odata import error_of

READ = BatchPart("GET", "/b1s/v2/Items('i001')")
WRITE = BatchPart("POST", "/b1s/v2/Items", {"Content-Type": "application/json"}, b'{"ItemCode":"i002"}')
CHANGE = BatchPart("PATCH", "/b1s/v2/$1", {"Content-Type": "application/json", "If-Match": "*"}, b"{}")


def crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


class TestEncoding:
    """The bytes of a batch."""

    def test_exact_bytes(self) -> None:
        """CRLF everywhere, GET with two blank lines, change sets numbered."""
        content_type, body = encode_batch([READ, [WRITE, CHANGE]], "batch_7")
        assert "multipart/mixed; boundary=batch_7" == content_type
        assert body == crlf(
            """--batch_7
Content-Type: application/http
Content-Transfer-Encoding: binary

GET /b1s/v2/Items('i001') HTTP/1.1


--batch_7
Content-Type: multipart/mixed; boundary=changeset_2_batch_7

--changeset_2_batch_7
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

POST /b1s/v2/Items HTTP/1.1
Content-Type: application/json

{"ItemCode":"i002"}
--changeset_2_batch_7
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 2

PATCH /b1s/v2/$1 HTTP/1.1
Content-Type: application/json
If-Match: *

{}
--changeset_2_batch_7--
--batch_7--
"""
        )

    def test_given_content_ids_are_kept(self) -> None:
        """Missing ones avoid those that were taken before."""
        _, body = encode_batch([[BatchPart("POST", "/a", content_id="1"), BatchPart("POST", "/b")]], "b")
        assert [b"1", b"2"] == [line[12:] for line in body.split(b"\r\n") if line.startswith(b"Content-ID")]

    @pytest.mark.parametrize(
        "items",
        [
            [],
            [[]],
            [[READ]],
            [[BatchPart("POST", "/a", content_id="1"), BatchPart("POST", "/b", content_id="1")]],
            [BatchPart("POST", "/a", content_id="1\r\nX: y")],
            [BatchPart("GET", "/a b")],
            [BatchPart("GET", "/a\r\nHost: evil")],
            [BatchPart("GET", "/ñ")],
            [BatchPart("GET", "/a", {"X": "1\r\nY: 2"})],
            [BatchPart("POST", "/a", {}, b"--the_boundary--")],
        ],
    )
    def test_what_cannot_be_written_is_refused(self, items: list[object]) -> None:
        """Empty, a GET in a change set, a number twice, injected lines, the boundary in a body."""
        with pytest.raises(ConfigurationError):
            encode_batch(items, "the_boundary")

    @pytest.mark.parametrize("boundary", ["", "a b", 'a"b', "x" * 51, "a\r\nb"])
    def test_the_boundary_is_plain(self, boundary: str) -> None:
        """So that it needs no quotes: not every server undoes them."""
        with pytest.raises(ConfigurationError):
            encode_batch([READ], boundary)


class TestDecoding:
    """Answers as they were recorded, with both line ends."""

    V3_CHANGE_SET = """--batchresponse_0
Content-Type: multipart/mixed; boundary=changesetresponse_0

--changesetresponse_0
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 201 Created
Content-ID: 1
Content-Length: 8811
Location: https://localhost:50000/b1s/v1/BusinessPartners('C00001')

{"some":"content"}

--changesetresponse_0
Content-Type: application/http

HTTP/1.1 204 No Content
Content-ID: 2


--changesetresponse_0--
--batchresponse_0--
"""
    V4_FAILED = """--batchresponse_S8
Content-Type:application/http
Content-Transfer-Encoding:binary
Content-ID:12

HTTP/1.1 404 Not Found
Content-Type:application/json;charset=utf-8

{"error": {"code": "-2028", "message": "none"}}
--batchresponse_S8--"""

    @pytest.mark.parametrize("as_sent", [str.encode, crlf])
    def test_a_change_set(self, as_sent) -> None:
        """One list of answers; Content-ID inside the part, wrong Content-Length, a stray line break."""
        (answers,) = decode_batch("multipart/mixed;boundary=batchresponse_0", as_sent(self.V3_CHANGE_SET))
        assert [(201, "1", b'{"some":"content"}'), (204, "2", b"")] == [
            (each.status, each.content_id, each.body) for each in answers
        ]
        assert "https://localhost:50000/b1s/v1/BusinessPartners('C00001')" == answers[0].header("location")

    @pytest.mark.parametrize("as_sent", [str.encode, crlf])
    def test_a_failed_change_set_is_one_flat_part(self, as_sent) -> None:
        """Content-ID outside, no blank after colons, no line end at the end."""
        (part,) = decode_batch('multipart/mixed; boundary="batchresponse_S8"', as_sent(self.V4_FAILED))
        assert isinstance(part, PartAnswer)
        assert (404, "12") == (part.status, part.content_id)
        assert "application/json;charset=utf-8" == part.header("Content-Type")

    @pytest.mark.parametrize("as_sent", [str.encode, crlf])
    def test_flat_parts(self, as_sent) -> None:
        """Dataverse: three creates and a read, with a blank line too many behind answers without a body."""
        created = """--batchresponse_0134
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 204 No Content
OData-Version: 4.0
OData-EntityId: https://crm.example/api/data/v9.2/tasks(d31ba648-c592-ed11-aad1-000d3a993550)


"""
        read = """--batchresponse_0134
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 200 OK
Content-Type: application/json; odata.metadata=minimal; odata.streaming=true

{
  "value": [
    {"@odata.etag": "W/\\"77180907\\"", "subject": "Task 1 in batch"}
  ]
}
--batchresponse_0134--
"""
        answers = decode_batch("multipart/mixed; boundary=batchresponse_0134", as_sent(created * 3 + read))
        assert [204, 204, 204, 200] == [each.status for each in answers]
        assert [b"", b"", b""] == [each.body for each in answers[:3]]
        assert "Task 1 in batch" == loads(answers[3].body)["value"][0]["subject"]

    def test_the_part_that_stopped_the_batch(self) -> None:
        """SAP: a read that worked, then the failed change set as one flat part; nothing about the rest."""
        body = b"".join(
            b"--batchresponse_3aa0\r\nContent-Type:application/http\r\nContent-Transfer-Encoding:binary\r\n\r\n"
            b"HTTP/1.1 %s\r\nContent-Type:application/json;odata=minimalmetadata;charset=utf-8\r\n\r\n%s\r\n" % part
            for part in (
                (b"200 OK", b'{"ItemCode":"i001"}'),
                (b"400 Bad Request", b'{"error":{"code":-10,"message":{"lang":"en-us","value":"already exists"}}}'),
            )
        )
        answers = decode_batch("multipart/mixed;boundary=batchresponse_3aa0", body + b"--batchresponse_3aa0--\r\n")
        assert [200, 400] == [each.status for each in answers]
        assert ("-10", "already exists") == error_of(answers[1].body)

    @pytest.mark.parametrize("cut", [30, 100, 250, -4])
    def test_a_cut_answer_is_never_a_short_one(self, cut: int) -> None:
        """The closing boundary proves that everything came."""
        with pytest.raises(ContractBrokenError):
            decode_batch("multipart/mixed;boundary=batchresponse_0", self.V3_CHANGE_SET.encode()[:cut].rstrip(b"-\n"))

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("application/json", b"{}"),
            ("multipart/mixed", b"--x--"),
            ("multipart/mixed; boundary=x", b"--x\r\nContent-Type: application/http\r\n\r\nnonsense\r\n--x--"),
            ("multipart/mixed; boundary=x", b"--x\r\n\r\n--x--"),
            ("multipart/mixed; boundary=x", b""),
            ("multipart/mixed; boundary=x", b"--xy\r\n\r\nHTTP/1.1 200 OK\r\n\r\n--xy--"),
        ],
    )
    def test_no_batch_answer(self, content_type: str, body: bytes) -> None:
        """Typed, whatever came."""
        with pytest.raises(ContractBrokenError):
            decode_batch(content_type, body)

    def test_bounded(self) -> None:
        """More parts than asked for are refused, members of change sets included."""
        part = "--x\nContent-Type: application/http\n\nHTTP/1.1 204 No Content\n\n\n"
        assert 3 == len(decode_batch("multipart/mixed;boundary=x", (part * 3 + "--x--").encode(), max_parts=3))
        with pytest.raises(ContractBrokenError, match="more than 3"):
            decode_batch("multipart/mixed;boundary=x", (part * 4 + "--x--").encode(), max_parts=3)
        change_sets = self.V3_CHANGE_SET.removesuffix("--batchresponse_0--\n") + self.V3_CHANGE_SET
        with pytest.raises(ContractBrokenError, match="more than 3"):
            decode_batch("multipart/mixed;boundary=batchresponse_0", change_sets.encode(), max_parts=3)
        with pytest.raises(ContractBrokenError, match="more than 1 "):
            decode_batch("multipart/mixed;boundary=batchresponse_0", self.V3_CHANGE_SET.encode(), max_parts=1)

    def test_a_body_may_look_like_a_boundary(self) -> None:
        """Only a whole line is one."""
        body = b"--x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n--xylophone --x\r\n--x--\r\n"
        (part,) = decode_batch("multipart/mixed;boundary=x", body)
        assert b"--xylophone --x" == part.body

    def test_what_we_write_can_be_read_as_a_batch(self) -> None:
        """The shape is the same in both directions: an answer made of our own delimiters decodes."""
        content_type, body = encode_batch([[WRITE, CHANGE]], "batch_9")
        answer = body.replace(b"POST /b1s/v2/Items HTTP/1.1", b"HTTP/1.1 201 Created").replace(
            b"PATCH /b1s/v2/$1 HTTP/1.1", b"HTTP/1.1 204 No Content"
        )
        assert [[201, 204]] == [[each.status for each in answers] for answers in decode_batch(content_type, answer)]
