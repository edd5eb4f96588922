"""How Dynamics 365 is configured: periferia.toml, options, one gate for one user."""

from __future__ import annotations

import uuid

import pytest
from pydantic import SecretStr

from dataverse_calls import BASE, Crm, answering, scripted
from periferia_link.connectors.dynamics365 import DYNAMICS365_FIELDS, Dynamics365
from periferia_link.errors import (
    ConfigurationError,
)
from periferia_link.settings import ClientSecretSettings, LoginSettings, StaticTokenSettings, SystemSettings


def row(n=1, **values):
    return {"accountid": str(uuid.UUID(int=n)), "name": f"n{n}", "@odata.etag": f'W/"{n}"'} | values


def page(*rows, link=None, delta=None):
    body = {"value": list(rows)}
    if link is not None:
        body["@odata.nextLink"] = link
    if delta is not None:
        body["@odata.deltaLink"] = delta
    return answering(200, body)


def accounts(count, **values):
    return {"accounts": [{"name": f"n{n:03}", "accountnumber": f"A-{n:03}"} | values for n in range(count)]}


class TestSettings:
    SECRET = ClientSecretSettings(tenant_id="contoso.onmicrosoft.com", client_id="app", client_secret=SecretStr("x"))

    def build(self, **changes):
        table = {"name": "crm", "connector": "dynamics365", "url": BASE, "credential": self.SECRET} | changes
        return Dynamics365.configured("crm", SystemSettings(**table))

    def test_from_the_file(self):
        """Fields and options of periferia.toml reach the connector."""
        with self.build(
            fields={"Client": {"columns": {"tax_id": "cr123_nit"}}},
            options={"max_batch": 20, "parallel": 8, "currency": "PEN", "page_size": 500},
        ) as connector:
            can = connector.supports("Client")
            assert ("crm", 20, 8) == (connector.name, can.max_batch, can.parallel)
            assert "cr123_nit" == connector.fields["Client"].column("tax_id")

    def test_a_static_token(self):
        """A token that somebody made works, too."""
        with self.build(credential=StaticTokenSettings(token=SecretStr("t"))) as connector:
            assert "crm" == connector.name

    @pytest.mark.parametrize(
        "changes",
        [
            {"url": None},
            {"credential": None},
            {"credential": LoginSettings(username="u", password=SecretStr("p"))},
            {"options": {"speed": 11}},
            {"options": {"max_batch": 5000}},
            {"options": {"max_batch": True}},
            {"options": {"currency": "pesos"}},
            {"options": {"api_version": "../v9.2"}},
            {"options": {"caller_id": "me"}},
            {"fields": {"Cliente": {}}},
        ],
    )
    def test_mistakes(self, changes):
        """Each mistake is told with the next step, and without a secret."""
        with pytest.raises(ConfigurationError) as raised:
            self.build(**changes)
        assert raised.value.hint

    def test_the_fingerprint(self):
        """Another column, currency or link makes another fingerprint; the tag does not."""
        prints = [
            scripted(page(), **options)[0].fingerprint("Client")
            for options in (
                {},
                {"tag": "x"},
                {"currency": "USD"},
                {"fields": DYNAMICS365_FIELDS.merged({"Client": {"columns": {"phone": ""}}})},
                {"navigation": {"_x_value": "X"}},
            )
        ]
        assert prints[0] == prints[1]
        assert 4 == len(set(prints))

    def test_one_gate_for_one_user(self):
        """Two connectors of one environment and user share a gate: a pause stops both."""
        crm = Crm()
        crm.emulator.load(accounts(1))
        with crm.connect(name="other") as other:
            crm.fault("throttle", path="*/accounts", params={"retry_after": "9"}, times=1)
            list(crm.connector.pull("Client"))
            waited = len(crm.clock.sleeps)
            list(other.pull("Client"))
            assert waited == len(crm.clock.sleeps)

    def test_the_api_version_and_the_scope(self):
        """The version stands in the path; the token is asked for the environment, slash or not."""
        asked = []

        class Provider:
            def get_token(self, *scopes, **_):
                asked.extend(scopes)
                return type("Token", (), {"token": "t", "expires_on": 2**40})()

        connector, wire = scripted(page(), credential=Provider(), api_version="v9.1")
        connector.get("Client", [str(uuid.UUID(int=1))])
        assert wire.requests[0].url.startswith(f"{BASE}/api/data/v9.1/accounts?")
        assert [f"{BASE}/.default"] == asked
