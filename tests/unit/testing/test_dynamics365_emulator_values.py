"""The emulated Dataverse: links between records, values of columns, states."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dataverse_calls import BASE, Environment

KEY = "8c98b2a1-7f2f-4a55-9f0e-1d7e0c5b6a10"
OTHER = "4026be43-6b69-4111-8f65-78e7d1620f5e"


@pytest.fixture
def env():
    return Environment()


class TestLinks:
    def test_bind_forms(self, env):
        """Relative, absolute and whole addresses, and alternate keys, bind a lookup; null empties it."""
        env.emulator.add_alternate_key("contact", "emailaddress1")
        env.emulator.load({"contacts": [{"contactid": OTHER, "emailaddress1": "a@x.example"}]})
        forms = (
            f"contacts({OTHER})",
            f"/contacts({OTHER})",
            f"{BASE}/api/data/v9.0/contacts({OTHER})",
            "contacts(emailaddress1='a@x.example')",
        )
        for form in forms:
            env.patch(f"accounts({KEY})", {"primarycontactid@odata.bind": form})
            assert OTHER == env.rows("accounts")[KEY]["_primarycontactid_value"]
            env.patch(f"accounts({KEY})", {"primarycontactid@odata.bind": None})
            assert "_primarycontactid_value" not in env.rows("accounts")[KEY]
        env.patch(f"accounts({KEY})", {"primarycontactid@odata.bind": forms[0]})
        env.patch(f"accounts({KEY})", {"primarycontactid": None})
        assert "_primarycontactid_value" not in env.rows("accounts")[KEY]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"primarycontactid@odata.bind": f"/contacts({OTHER})"}, 404),
            ({"primarycontactid@odata.bind": f"/accounts({KEY})"}, 400),
            ({"primarycontactid@odata.bind": "contacts"}, 400),
            ({"PrimaryContactId@odata.bind": f"/contacts({OTHER})"}, 400),
            ({"primarycontactid": OTHER}, 400),
            ({"_primarycontactid_value": OTHER}, 400),
            ({"Account_Tasks@odata.bind": "/tasks(1)"}, 400),
            ({"Account_Tasks@odata.bind": [f"/tasks({OTHER})"]}, 404),
        ],
    )
    def test_links_that_are_refused(self, env, body, status):
        """Missing records, other tables, wrong case, values instead of links."""
        assert status == env.post("accounts", body).status
        assert {} == env.rows("accounts")

    def test_polymorphic(self, env):
        """The navigation property says which table a customer is of."""
        env.emulator.load({"accounts": [{"accountid": KEY, "name": "A"}]})
        made = env.post("opportunities", {"name": "O", "customerid_account@odata.bind": f"/accounts({KEY})"}).id
        read = env.get(
            f"opportunities({made})?$select=_customerid_value&$expand=customerid_account($select=name),customerid_contact"
        )
        assert ("A", None) == (read.json["customerid_account"]["name"], read.json["customerid_contact"])

    def test_references(self, env):
        """$ref sets, adds and removes links."""
        env.emulator.load(
            {"accounts": [{"accountid": KEY}], "contacts": [{"contactid": OTHER}], "tasks": [{"activityid": OTHER}]}
        )
        single, many = f"accounts({KEY})/primarycontactid/$ref", f"accounts({KEY})/Account_Tasks/$ref"
        assert 204 == env.call("PUT", single, {"@odata.id": f"{BASE}/api/data/v9.2/contacts({OTHER})"}).status
        assert OTHER == env.rows("accounts")[KEY]["_primarycontactid_value"]
        assert 204 == env.call("DELETE", single).status
        assert 204 == env.post(many, {"@odata.id": f"tasks({OTHER})"}).status
        assert KEY == env.rows("tasks")[OTHER]["_regardingobjectid_value"]
        assert 204 == env.call("DELETE", f"accounts({KEY})/Account_Tasks({OTHER})/$ref").status
        assert "_regardingobjectid_value" not in env.rows("tasks")[OTHER]
        env.post(many, {"@odata.id": f"tasks({OTHER})"})
        assert 204 == env.call("DELETE", f"{many}?$id={BASE}/api/data/v9.2/tasks({OTHER})").status
        assert [405, 405, 400, 400] == [
            env.post(single, {"@odata.id": "x"}).status,
            env.call("PUT", many, {}).status,
            env.post(many, {}).status,
            env.post(f"accounts({KEY})/name/$ref", {}).status,
        ]

    def test_linking_the_wrong_table(self, env):
        """A collection takes records of its own table only; deep updates are not supported."""
        env.emulator.load({"accounts": [{"accountid": KEY}], "contacts": [{"contactid": OTHER}]})
        assert 404 == env.post(f"accounts({KEY})/Account_Tasks/$ref", {"@odata.id": f"contacts({OTHER})"}).status
        assert 400 == env.patch(f"accounts({KEY})", {"primarycontactid": {"firstname": "Ana"}}).status
        linked = {"account_primary_contact@odata.bind": [f"/accounts({KEY})"]}
        assert 204 == env.patch(f"contacts({OTHER})", linked).status
        assert OTHER == env.rows("accounts")[KEY]["_primarycontactid_value"]

    def test_deleting(self, env):
        """A deleted record leaves no links: lookups are emptied, its tasks go with it."""
        env.emulator.load(
            {
                "accounts": [{"accountid": KEY}],
                "contacts": [{"contactid": OTHER, "_parentcustomerid_value": KEY}],
                "tasks": [{"activityid": OTHER, "_regardingobjectid_value": KEY}],
            }
        )
        assert 204 == env.call("DELETE", f"accounts({KEY})").status
        assert 404 == env.call("DELETE", f"accounts({KEY})").status
        assert "_parentcustomerid_value" not in env.rows("contacts")[OTHER]
        assert {} == env.rows("tasks")


class TestValues:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"nothing": 1}, "0x80048d19"),
            ({"Name": "x"}, "0x80048d19"),
            ({"name": 5}, "0x80048d19"),
            ({"name": "x" * 161}, "0x80044331"),
            ({"numberofemployees": "5"}, "0x80048d19"),
            ({"numberofemployees": 5.5}, "0x80048d19"),
            ({"numberofemployees": 2**31}, "0x80044330"),
            ({"numberofemployees": True}, "0x80048d19"),
            ({"revenue": "5"}, "0x80048d19"),
            ({"revenue": 10**15}, "0x80044330"),
            ({"creditonhold": 1}, "0x80048d19"),
            ({"accountcategorycode": 9}, "0x80044330"),
            ({"accountid": "x"}, "0x80048d19"),
        ],
    )
    def test_what_does_not_fit(self, env, body, code):
        """Types, lengths, ranges and choices are checked; nothing is stored."""
        answer = env.post("accounts", body)
        assert (400, code) == (answer.status, answer.code)
        assert {} == env.rows("accounts")

    @pytest.mark.parametrize(
        ("body", "fits"),
        [
            ({"estimatedclosedate": "2026-05-01"}, True),
            ({"estimatedclosedate": "2026-05-01T00:00:00Z"}, False),
            ({"estimatedclosedate": "01/05/2026"}, False),
            ({"estimatedclosedate": 20260501}, False),
        ],
    )
    def test_days(self, env, body, fits):
        """A day is a plain date."""
        assert (204 if fits else 400) == env.post("opportunities", body).status

    def test_moments(self, env):
        """A moment needs its time and is kept in UTC."""
        made = env.post("tasks", {"subject": "T", "scheduledend": "2026-05-01T08:00:00-05:00"}).id
        assert "2026-05-01T13:00:00Z" == env.rows("tasks")[made]["scheduledend"]
        assert 400 == env.post("tasks", {"scheduledend": "2026-05-01"}).status

    def test_decimals_of_a_column(self, env):
        """Numbers are kept to the decimals of their column."""
        made = env.post("accounts", {"address1_latitude": 47.639583}).id
        assert Decimal("47.63958") == env.rows("accounts")[made]["address1_latitude"]

    def test_server_columns_are_left_alone(self, env):
        """What a client says about server columns is ignored."""
        made = env.post("contacts", {"firstname": "Ana", "fullname": "X", "createdon": "2001-01-01T00:00:00Z"}).id
        row = env.rows("contacts")[made]
        assert ("Ana", "2026-03-02T13:00:00Z") == (row["fullname"], row["createdon"])


class TestStates:
    def test_pairs(self, env):
        """A state takes its first status unless another is given; both must fit."""
        env.patch(f"leads({KEY})", {"subject": "O"})
        assert 204 == env.patch(f"leads({KEY})", {"statuscode": 2}).status
        assert 204 == env.patch(f"leads({KEY})", {"statecode": 2}).status
        assert 4 == env.rows("leads")[KEY]["statuscode"]
        for body in ({"statecode": 1, "statuscode": 5}, {"statuscode": 1}, {"statecode": 9}):
            assert 400 == env.patch(f"leads({KEY})", body).status

    @pytest.mark.parametrize(("action", "state", "status"), [("WinOpportunity", 1, 3), ("LoseOpportunity", 2, 5)])
    def test_closing_actions(self, env, action, state, status):
        """The action closes the opportunity; a won one gets its revenue."""
        env.patch(f"opportunities({KEY})", {"name": "O", "estimatedvalue": 100})
        close = {"subject": "done", "opportunityid@odata.bind": f"/opportunities({KEY})"}
        assert 204 == env.post(action, {"Status": status, "OpportunityClose": close}).status
        row = env.rows("opportunities")[KEY]
        assert (state, status, "2026-03-02") == (row["statecode"], row["statuscode"], row["actualclosedate"])
        assert (Decimal("100.0") if state == 1 else None) == row.get("actualvalue")

    @pytest.mark.parametrize(
        ("close", "status"),
        [
            ({}, 400),
            ({"opportunityid@odata.bind": f"/opportunities({OTHER})"}, 404),
            ({"opportunityid@odata.bind": f"/accounts({OTHER})"}, 404),
        ],
    )
    def test_closing_nothing(self, env, close, status):
        """The body must name an opportunity that is there."""
        assert status == env.post("WinOpportunity", {"Status": 3, "OpportunityClose": close}).status

    def test_default_status(self, env):
        """-1 leaves the status to the server; one of another state is refused."""
        env.patch(f"opportunities({KEY})", {"name": "O"})
        close = {
            "opportunityid@odata.bind": f"/opportunities({KEY})",
            "actualrevenue": 7,
            "actualend": "2026-02-01T12:00:00Z",
        }
        assert 400 == env.post("WinOpportunity", {"Status": 5, "OpportunityClose": close}).status
        assert 204 == env.post("WinOpportunity", {"Status": -1, "OpportunityClose": close}).status
        row = env.rows("opportunities")[KEY]
        assert (3, 7, "2026-02-01") == (row["statuscode"], row["actualvalue"], row["actualclosedate"])
