"""Impersonation, bypassed plug-ins, tags and files in the emulated Dataverse."""

from __future__ import annotations

import base64

import pytest

from dataverse_calls import Environment

USER = "55555555-5555-4555-8555-555555555555"
OBJECT = "66666666-6666-4666-8666-666666666666"


@pytest.fixture
def env():
    env = Environment()
    user = {"systemuserid": USER, "azureactivedirectoryobjectid": OBJECT, "firstname": "Ana"}
    env.emulator.load({"systemusers": [user]})
    return env


class TestImpersonation:
    @pytest.mark.parametrize("header", [{"CallerObjectId": OBJECT}, {"MSCRMCallerID": USER}])
    def test_on_behalf_of(self, env, header):
        """The record is the user's; who really called is written down beside."""
        made = env.post("accounts", {"name": "A"}, **header).id
        row = env.rows("accounts")[made]
        assert (USER, USER) == (row["_createdby_value"], row["_ownerid_value"])
        assert env.emulator.rows.user_id == row["_createdonbehalfby_value"]
        env.patch(f"accounts({made})", {"name": "B"})
        assert env.emulator.rows.user_id == env.rows("accounts")[made]["_modifiedby_value"]

    def test_nobody(self, env):
        """A user that is not there is refused."""
        assert 404 == env.post("accounts", {"name": "A"}, CallerObjectId=USER).status

    def test_without_the_privilege(self, env):
        """Acting for others is a privilege of its own."""
        env.emulator.metadata.denied.add("prvActOnBehalfOfAnotherUser")
        answer = env.post("accounts", {"name": "A"}, CallerObjectId=OBJECT)
        assert (403, "0x80040220") == (answer.status, answer.code)
        assert {} == env.rows("accounts")

    def test_in_a_batch(self, env):
        """The header of the batch holds for what is in it."""
        part = (
            "--b\r\nContent-Type: application/http\r\n\r\nPOST /api/data/v9.2/accounts HTTP/1.1\r\n"
            'Content-Type: application/json\r\n\r\n{"name":"A"}\r\n--b--\r\n'
        )
        kind = "multipart/mixed; boundary=b"
        assert 200 == env.call("POST", "$batch", part.encode(), Content_Type=kind, CallerObjectId=OBJECT).status
        (row,) = env.rows("accounts").values()
        assert USER == row["_createdby_value"]


class TestPlugIns:
    @pytest.mark.parametrize(
        ("header", "value", "privilege"),
        [
            ("MSCRM.BypassBusinessLogicExecution", "CustomSync,CustomAsync", "prvBypassCustomBusinessLogic"),
            ("MSCRM.BypassCustomPluginExecution", "true", "prvBypassCustomPlugins"),
        ],
    )
    def test_bypass(self, env, header, value, privilege):
        """With the header and the privilege plug-ins do not run."""
        env.emulator.rows.plug_ins["account"] = "No."
        assert 400 == env.post("accounts", {"name": "A"}).status
        assert 204 == env.post("accounts", {"name": "A"}, **{header: value}).status
        env.emulator.metadata.denied.add(privilege)
        assert 403 == env.post("accounts", {"name": "A"}, **{header: value}).status

    def test_tags(self, env):
        """The tag of a write reaches the plug-ins."""
        env.post("accounts?tag=periferia-link", {"name": "A"})
        (seen,) = env.emulator.callers.executions
        assert ("POST", "accounts", "periferia-link") == (seen.method, seen.path, seen.tag)


class TestFiles:
    @pytest.fixture
    def place(self, env):
        env.emulator.add_column("account", "pl_contract", "File", limit=8)
        made = env.post("accounts", {"name": "A"}).id
        return f"accounts({made})"

    def test_whole(self, env, place):
        """Up in one request, down whole or in ranges, and gone."""
        up = env.call("PATCH", f"{place}/pl_contract", b"0123456789", x_ms_file_name="c.txt")
        assert 204 == up.status
        row = env.get(f"{place}?$select=pl_contract").json
        assert row["pl_contract"] in env.emulator.books["files"]
        down = env.get(f"{place}/pl_contract/$value")
        assert (b"0123456789", "c.txt") == (down.response.body, down.header("x-ms-file-name"))
        piece = env.get(f"{place}/pl_contract/$value", Range="bytes=2-4")
        assert (206, b"234", "bytes 2-4/10") == (piece.status, piece.response.body, piece.header("Content-Range"))
        assert 204 == env.call("DELETE", f"{place}/pl_contract").status
        assert 404 == env.get(f"{place}/pl_contract/$value").status

    def test_in_chunks(self, env, place):
        """A session takes one chunk after the other."""
        path = f"{place}/pl_contract"
        begun = env.call("PATCH", path, b"", x_ms_transfer_mode="chunked", x_ms_file_name="c.txt")
        link = begun.header("Location")
        assert 206 == env.call("PATCH", link, b"01234", Content_Range="bytes 0-4/10").status
        assert 400 == env.call("PATCH", link, b"01234", Content_Range="bytes 0-4/10").status
        assert 204 == env.call("PATCH", link, b"56789", Content_Range="bytes 5-9/10").status
        assert b"0123456789" == env.get(f"{path}/$value").response.body

    def test_in_blocks(self, env, place):
        """The actions of the SDK: begin, blocks, commit; and down again."""
        key = place[len("accounts(") : -1]
        target = {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": key}
        asked = {"Target": target, "FileAttributeName": "pl_contract", "FileName": "c.txt"}
        token = env.post("InitializeFileBlocksUpload", asked).json["FileContinuationToken"]
        for name, data in (("1", b"01234"), ("2", b"56789")):
            block = {"BlockId": name, "BlockData": base64.b64encode(data).decode(), "FileContinuationToken": token}
            assert 204 == env.post("UploadBlock", block).status
        done = env.post("CommitFileBlocksUpload", {"BlockList": ["1", "2"], "FileContinuationToken": token}).json
        assert 10 == done["FileSizeInBytes"]
        begun = env.post("InitializeFileBlocksDownload", asked).json
        read = {"FileContinuationToken": begun["FileContinuationToken"], "Offset": 3, "BlockLength": 4}
        assert b"3456" == base64.b64decode(env.post("DownloadBlock", read).json["Data"])

    def test_limits(self, env, place):
        """A file needs a name and fits its column."""
        assert 400 == env.call("PATCH", f"{place}/pl_contract", b"x").status
        assert 400 == env.call("PATCH", f"{place}/pl_contract", b"x" * 9000, x_ms_file_name="c").status

    def test_bare_values(self, env, place):
        """Any property can be read without JSON around it."""
        assert b"A" == env.get(f"{place}/name/$value").response.body
        assert 204 == env.get(f"{place}/description/$value").status
