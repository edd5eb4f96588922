"""
npm's dynamics-web-api, by other people, works against our stand-in; Node.js speaks to it over loopback.

``nox -s peers-node`` installs the package beside; ``PERIFERIA_LINK_NODE_MODULES`` says where it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest

from periferia_link.clock import SystemClock
from periferia_link.testing.emulators import host
from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator
from periferia_link.typing import Request

MODULES = os.environ.get("PERIFERIA_LINK_NODE_MODULES", "")
NODE = shutil.which("node")
SCRIPT = Path(__file__).parent / "node" / "dynamics_web_api.mjs"
KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
USER = "55555555-5555-4555-8555-555555555555"

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node.js is missing"),
    pytest.mark.skipif(
        not (MODULES and (Path(MODULES) / "dynamics-web-api").is_dir()),
        reason="dynamics-web-api is missing: nox -s peers-node installs it",
    ),
]


def sign_in(emulator):
    """Ask the emulated Entra for a token as an application does."""
    known = emulator.credentials()
    form = {name: known[name] for name in ("client_id", "client_secret", "scope")}
    url = f"{known['authority']}/{known['tenant_id']}/oauth2/v2.0/token"
    body = urlencode(form | {"grant_type": "client_credentials"}).encode()
    return json.loads(emulator.entra.serve(Request("POST", url, (), body), SystemClock()).body)["access_token"]


@pytest.fixture(scope="module")
def emulator():
    emulator = Dynamics365Emulator()
    emulator.add_alternate_key("account", "accountnumber")
    emulator.add_column("account", "pl_contract", "File", limit=64)
    user = {"systemuserid": USER, "azureactivedirectoryobjectid": USER.replace("5", "6"), "firstname": "Ana"}
    emulator.load({"accounts": [{"name": f"n{n}"} for n in range(7)], "systemusers": [user]})
    return emulator


@pytest.fixture(scope="module")
def seen(emulator):
    """What the client saw, scenario by scenario; it runs once."""
    with host(emulator) as server:
        done = subprocess.run(
            [NODE, str(SCRIPT), server.url, sign_in(emulator), MODULES],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestDynamicsWebApi:
    def test_who_am_i(self, seen, emulator):
        """The client's own spelling, with parentheses, is understood."""
        assert emulator.organization_id == seen["whoAmI"]["OrganizationId"]

    def test_records(self, seen, emulator):
        """Create, read, one property, update with its answer, delete, and not found afterwards."""
        crud = seen["crud"]
        assert "Ana Ruiz" == crud["read"]["fullname"]
        assert ("Ana Ruiz P.", "CFO") == (crud["updated"]["fullname"], crud["updated"]["jobtitle"])
        assert (404, "0x80040217") == (crud["gone"]["status"], crud["gone"]["code"])
        assert crud["made"] not in emulator.books["contacts"]

    def test_pages(self, seen):
        """Next links are followed; the count is a number."""
        assert {"first": 3, "link": True, "all": 7, "count": 7} == seen["pages"]

    def test_change_tracking(self, seen):
        """A delta link brings what is new, then what is gone, then the next delta link."""
        tracked = seen["changeTracking"]
        assert (0, True) == (tracked["start"], tracked["more"])
        assert [tracked["kept"]] == tracked["changed"]
        assert [[tracked["gone"], "deleted"]] == tracked["deleted"]

    def test_tracking_refuses_filters(self, seen):
        """A filter beside change tracking is refused as documented."""
        assert 400 == seen["trackingRefusesFilters"]["status"]
        assert "isn't supported when Change Tracking is enabled" in seen["trackingRefusesFilters"]["message"]

    def test_alternate_keys(self, seen, emulator):
        """The same key is the same record; create only and update only are kept apart."""
        keys = seen["alternateKeys"]
        assert (True, "second") == (keys["same"], keys["name"])
        # the client tells a failed condition by an empty answer
        assert (None, None) == (keys["createOnly"], keys["updateOnly"])
        statuses = [entry.status for entry in emulator.log if "accountnumber=" in entry.path]
        assert [201, 200, 412, 404, 200] == statuses

    def test_versions(self, seen, emulator):
        """A stale version changes and deletes nothing; a known one is not sent again."""
        versions = seen["versions"]
        assert (False, False, "two") == (versions["stale"], versions["kept"], versions["name"])
        statuses = [(entry.method, entry.status) for entry in emulator.log if KEY in entry.path]
        assert [("PATCH", 412), ("DELETE", 412), ("GET", 200), ("GET", 304)] == statuses[-4:]

    def test_batch(self, seen, emulator):
        """What one operation of a change set creates, the next one links to."""
        assert 2 == len(seen["batch"]["answers"])
        (row,) = [row for row in emulator.books["accounts"].values() if row["name"] == "batched"]
        assert row["_primarycontactid_value"] in emulator.books["contacts"]

    def test_batch_failures(self, seen, emulator):
        """With continue-on-error the rest is done; a change set with a failure does nothing."""
        refused, made = seen["batchGoesOn"]
        assert ("0x80044331", "made") == (refused["code"], made)
        assert ["0x80044331"] == [each["code"] for each in seen["batchStops"]]
        assert ["short"] == [row["subject"] for row in emulator.books["tasks"].values()]

    def test_expand_and_labels(self, seen):
        """A linked record and the labels of choices."""
        (row,) = seen["expand"]["value"]
        assert "Luz" == row["primarycontactid"]["fullname"]

    def test_fetch_xml(self, seen):
        """The client's own paging by cookie reads every row once."""
        assert 10 == seen["fetchXml"]

    def test_actions(self, seen, emulator):
        """QualifyLead makes three records."""
        assert 3 == seen["actions"]
        assert 1 == len(emulator.books["opportunities"])

    def test_metadata(self, seen):
        """Definitions by key."""
        assert {"set": "accounts", "tracked": True} == seen["metadata"]

    def test_files(self, seen):
        """Up in chunks, down in ranges."""
        assert {"name": "c.txt", "size": 4, "text": "0123"} == seen["files"]

    def test_impersonation(self, seen, emulator):
        """A record made on behalf of another is the other's."""
        assert USER == emulator.books["accounts"][seen["impersonation"]]["_createdby_value"]
