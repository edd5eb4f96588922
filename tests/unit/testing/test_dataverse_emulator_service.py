"""Cases, leads, contacts, activities and notes in the emulated Dataverse: what others build on."""

from __future__ import annotations

import base64

import pytest

from dataverse_calls import Environment

CLIENT = "11111111-1111-4111-8111-111111111111"
PERSON = "22222222-2222-4222-8222-222222222222"
CASE = "33333333-3333-4333-8333-333333333333"
LEAD = "44444444-4444-4444-8444-444444444444"
TRACKED = "odata.track-changes"


@pytest.fixture
def env():
    env = Environment()
    env.emulator.load({"accounts": [{"accountid": CLIENT, "name": "Andes S.A.S."}]})
    return env


def case(env, **more):
    body = {"title": "No prende", "customerid_account@odata.bind": f"/accounts({CLIENT})", **more}
    return env.patch(f"incidents({CASE})", body, If_None_Match="*")


class TestCases:
    def test_a_case_needs_a_customer(self, env):
        """The server's own rule: an account or a contact."""
        refused = env.post("incidents", {"title": "No prende"})
        assert 400 == refused.status
        assert "You should specify a parent contact or account." == refused.message

    def test_the_server_gives_the_number(self, env):
        """A case gets its number, first status, priority and owner."""
        assert 204 == case(env).status
        row = env.get(f"incidents({CASE})").json
        assert row["ticketnumber"].startswith("CAS-01000-")
        assert (0, 1, 2) == (row["statecode"], row["statuscode"], row["prioritycode"])
        assert env.emulator.rows.user_id == row["_ownerid_value"]

    def test_resolving_takes_the_action(self, env):
        """An update cannot resolve a case; CloseIncident does, once, and keeps the resolution."""
        case(env)
        refused = env.patch(f"incidents({CASE})", {"statecode": 1, "statuscode": 5})
        assert 400 == refused.status
        assert "CloseIncidentRequest" in refused.message
        close = {"subject": "Cable", "incidentid@odata.bind": f"/incidents({CASE})", "timespent": 30}
        body = {"Status": 5, "IncidentResolution": close}
        assert 204 == env.post("CloseIncident", body).status
        assert (1, 5) == tuple(env.rows("incidents")[CASE][name] for name in ("statecode", "statuscode"))
        (kept,) = env.rows("incidentresolutions").values()
        assert ("Cable", CASE, 1) == (kept["subject"], kept["_incidentid_value"], kept["statecode"])
        assert "Already Closed or Canceled" == env.post("CloseIncident", body).message

    def test_reopening_and_cancelling_are_updates(self, env):
        """A resolved case opens again and another is cancelled by state and status."""
        case(env)
        close = {"incidentid@odata.bind": f"/incidents({CASE})"}
        env.post("CloseIncident", {"Status": -1, "IncidentResolution": close})
        assert 204 == env.patch(f"incidents({CASE})", {"statecode": 0, "statuscode": 1}).status
        assert 204 == env.patch(f"incidents({CASE})", {"statecode": 2, "statuscode": 6}).status

    def test_feed(self, env):
        """Cases are tracked: what changed, then what is gone."""
        case(env)
        link = env.get("incidents?$select=title", Prefer=TRACKED).json["@odata.deltaLink"]
        env.patch(f"incidents({CASE})", {"title": "Prende"})
        answer = env.get(link).json
        assert ["Prende"] == [row["title"] for row in answer["value"]]
        env.call("DELETE", f"incidents({CASE})")
        assert [{"id": CASE, "reason": "deleted"}] == [
            {"id": row["id"], "reason": row["reason"]} for row in env.get(answer["@odata.deltaLink"]).json["value"]
        ]

    def test_a_case_goes_with_its_customer(self, env):
        """No case is left without a customer."""
        case(env)
        env.call("DELETE", f"accounts({CLIENT})")
        assert {} == env.rows("incidents")


class TestActivities:
    @pytest.mark.parametrize(
        ("entity_set", "logical"),
        [
            ("tasks", "task"),
            ("phonecalls", "phonecall"),
            ("emails", "email"),
            ("appointments", "appointment"),
        ],
    )
    def test_regarding_a_case(self, env, entity_set, logical):
        """An activity regards a case through a property with its own name; activitypointers lists it."""
        case(env)
        body = {"subject": "Llamada", f"regardingobjectid_incident_{logical}@odata.bind": f"/incidents({CASE})"}
        assert 204 == env.post(entity_set, body).status
        annotated = 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'
        (row,) = env.get(f"{entity_set}?$filter=_regardingobjectid_value eq {CASE}", Prefer=annotated).json["value"]
        assert logical == row["activitytypecode"]
        assert "incident" == row["_regardingobjectid_value@Microsoft.Dynamics.CRM.lookuplogicalname"]
        pointers = env.get("activitypointers?$select=subject,activitytypecode").json["value"]
        assert [(row["activityid"], logical)] == [(p["activityid"], p["activitytypecode"]) for p in pointers]

    def test_pointers_are_read_only(self, env):
        """Nobody writes an activity without saying which."""
        assert "0x80040800" == env.post("activitypointers", {"subject": "S"}).code

    def test_parties(self, env):
        """Sender and recipients are nested records of the activity."""
        env.emulator.load({"contacts": [{"contactid": PERSON, "firstname": "Ana"}]})
        parties = [
            {"participationtypemask": 1, "partyid_systemuser@odata.bind": f"/systemusers({env.emulator.rows.user_id})"},
            {"participationtypemask": 2, "partyid_contact@odata.bind": f"/contacts({PERSON})"},
        ]
        made = env.post("phonecalls", {"subject": "S", "phonecall_activity_parties": parties}).id
        found = env.get(f"phonecalls({made})?$expand=phonecall_activity_parties").json["phonecall_activity_parties"]
        assert {1, 2} == {party["participationtypemask"] for party in found}
        assert "0x80040800" == env.post("activityparties", parties[0]).code

    def test_completing(self, env):
        """A call is completed as made or received; other statuses do not fit."""
        made = env.post("phonecalls", {"subject": "S", "directioncode": False}).id
        assert 400 == env.patch(f"phonecalls({made})", {"statecode": 1, "statuscode": 1}).status
        assert 204 == env.patch(f"phonecalls({made})", {"statecode": 1, "statuscode": 4}).status

    def test_sending_a_mail(self, env):
        """SendEmail sends a draft once."""
        made = env.post("emails", {"subject": "S", "description": "<p>Hola</p>"}).id
        send = f"emails({made})/Microsoft.Dynamics.CRM.SendEmail"
        assert 200 == env.post(send, {"IssueSend": True}).status
        assert (1, 3) == tuple(env.rows("emails")[made][name] for name in ("statecode", "statuscode"))
        assert 400 == env.post(send, {"IssueSend": True}).status

    def test_tracking_can_be_switched_on(self, env):
        """An environment may track activities and notes; by default it does not."""
        assert 400 == env.get("annotations?$select=subject", Prefer=TRACKED).status
        env.emulator.tables["annotation"].change_tracking = True
        made = env.post("annotations", {"subject": "S"}).id
        link = env.get("annotations?$select=subject", Prefer=TRACKED).json["@odata.deltaLink"]
        env.patch(f"annotations({made})", {"notetext": "N"})
        assert [made] == [row["annotationid"] for row in env.get(link).json["value"]]


class TestNotes:
    def test_a_note_on_a_case(self, env):
        """A note knows what it is about and, with an attachment, how large that is."""
        case(env)
        content = base64.b64encode(b"0123456789").decode()
        body = {"subject": "Plano", "filename": "a.txt", "mimetype": "text/plain", "documentbody": content}
        made = env.post("annotations", body | {"objectid_incident@odata.bind": f"/incidents({CASE})"}).id
        row = env.get(f"annotations({made})").json
        assert ("incident", True, 10) == (row["objecttypecode"], row["isdocument"], row["filesize"])
        assert content == row["documentbody"]

    def test_an_attachment_is_base64(self, env):
        """Anything else is refused."""
        assert 400 == env.post("annotations", {"documentbody": "¡no!"}).status


class TestLeads:
    def lead(self, env, **more):
        person = {"subject": "Cableado", "companyname": "Nueva S.A.", "firstname": "Ana", "lastname": "Ruiz"}
        env.emulator.load({"leads": [{"leadid": LEAD, "estimatedamount": 9, **person, **more}]})
        wanted = dict.fromkeys(("CreateAccount", "CreateContact", "CreateOpportunity"), True)
        return f"leads({LEAD})/Microsoft.Dynamics.CRM.QualifyLead", {**wanted, "Status": 3}

    def test_qualifying(self, env):
        """The lead becomes an account, a contact and an opportunity that point back to it."""
        path, body = self.lead(env)
        answer = env.post(path, body)
        assert 200 == answer.status
        made = {row["@odata.type"].rpartition(".")[2]: row for row in answer.json["value"]}
        assert {"account", "contact", "opportunity"} == set(made)
        deal = env.rows("opportunities")[made["opportunity"]["opportunityid"]]
        assert (LEAD, made["account"]["accountid"]) == (deal["_originatingleadid_value"], deal["_customerid_value"])
        row = env.rows("leads")[LEAD]
        assert (1, 3) == (row["statecode"], row["statuscode"])
        assert made["opportunity"]["opportunityid"] == row["_qualifyingopportunityid_value"]
        assert "The lead is already closed." == env.post(path, body).message

    def test_qualifying_into_nothing(self, env):
        """All three may be declined; the answer is empty then."""
        path, body = self.lead(env)
        body |= dict.fromkeys(("CreateAccount", "CreateContact", "CreateOpportunity"), False)
        assert [] == env.post(path, body).json["value"]
        assert {} == env.rows("opportunities")

    def test_for_a_known_customer(self, env):
        """The opportunity can be given to an account that is there."""
        path, body = self.lead(env)
        known = {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": CLIENT}
        body |= {"CreateAccount": False, "CreateContact": False, "OpportunityCustomerId": known}
        env.post(path, body)
        (deal,) = env.rows("opportunities").values()
        assert CLIENT == deal["_customerid_value"]

    def test_parameters_are_required(self, env):
        """Without Status or one of the three decisions it is refused, and nothing happened."""
        path, body = self.lead(env)
        del body["CreateAccount"]
        assert 400 == env.post(path, body).status
        assert 0 == env.rows("leads")[LEAD]["statecode"]

    def test_the_full_name_of_the_action(self, env):
        """Without the namespace it is no path."""
        path, body = self.lead(env)
        assert 400 == env.post(path.replace("Microsoft.Dynamics.CRM.", ""), body).status


class TestClosingOpportunities:
    @pytest.fixture
    def deal(self, env):
        env.emulator.load({"opportunities": [{"opportunityid": CASE, "name": "O", "_customerid_value": CLIENT}]})
        return f"opportunities({CASE})"

    @pytest.mark.parametrize(("state", "word"), [(1, "won"), (2, "lost")])
    def test_an_update_cannot_close(self, env, deal, state, word):
        """Winning and losing have actions of their own; the words are those seen live."""
        refused = env.patch(deal, {"statecode": state})
        assert (400, "0x80100005") == (refused.status, refused.code)
        assert f"use the {word} message instead." in refused.message

    def test_how_it_closed_is_kept(self, env, deal):
        """The opportunityclose of the action stays, completed, with its revenue."""
        close = {"subject": "Ganada", "actualrevenue": 12.5, "opportunityid@odata.bind": f"/{deal}"}
        assert 204 == env.post("WinOpportunity", {"Status": 3, "OpportunityClose": close}).status
        (kept,) = env.rows("opportunitycloses").values()
        assert ("Ganada", CASE, 1) == (kept["subject"], kept["_opportunityid_value"], kept["statecode"])
        assert 400 == env.post("LoseOpportunity", {"Status": 4, "OpportunityClose": close}).status

    def test_reopening(self, env, deal):
        """An update opens a closed opportunity again."""
        env.post("LoseOpportunity", {"Status": 4, "OpportunityClose": {"opportunityid@odata.bind": f"/{deal}"}})
        assert 204 == env.patch(deal, {"statecode": 0, "statuscode": 1}).status


class TestSurveys:
    def test_responses_are_activities(self, env):
        """A survey response has the key of an activity; its answers hang on it."""
        env.emulator.load({"msfp_surveies": [{"msfp_surveyid": PERSON, "msfp_name": "NPS 2026"}]})
        body = {"subject": "R1", "msfp_npsscore": 9, "msfp_surveyid@odata.bind": f"/msfp_surveies({PERSON})"}
        made = env.post("msfp_surveyresponses", body).id
        link = {"msfp_surveyresponseid@odata.bind": f"/msfp_surveyresponses({made})", "msfp_response": "9"}
        assert 204 == env.post("msfp_questionresponses", {"msfp_name": "Q1", **link}).status
        (row,) = env.get("msfp_surveyresponses?$select=msfp_npsscore&$filter=msfp_npsscore ge 9").json["value"]
        assert (made, 9) == (row["activityid"], row["msfp_npsscore"])


class TestCustomActions:
    def test_unbound_and_bound(self, env):
        """An installation's own actions answer with what they return."""
        seen = []
        env.emulator.actions.custom["pl_Ping", ""] = lambda parameters, key: seen.append(parameters)
        env.emulator.actions.custom["pl_Score", "account"] = lambda parameters, key: {"Score": 7, "Of": key}
        assert 204 == env.post("pl_Ping", {"Who": "x"}).status
        answer = env.post(f"accounts({CLIENT})/Microsoft.Dynamics.CRM.pl_Score", {}).json
        assert ({"Who": "x"}, 7, CLIENT) == (seen[0], answer["Score"], answer["Of"])
