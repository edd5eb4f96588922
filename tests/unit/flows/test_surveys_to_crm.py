"""Surveys: matched to client and contact, never by a guess, written once."""

from __future__ import annotations

import pytest

from detractor_company import ACME, ANA, BOGOTA, OTHER, answer, crm_of, forms_of
from periferia_link.domain import Client, Contact, Ref
from periferia_link.flows import surveys_to_crm
from small_company import lost_after, nit, rig


def written(*records, flow=None, **values):
    """Run one answer; returns the answers of the CRM, and what is in review."""
    with rig(forms_of(answer(**values)), crm_of(*records), zone=BOGOTA) as office:
        report = office.run(flow or surveys_to_crm())
        return office.crm.holds("Survey"), report


def contact(key, mail, client=ACME, **values):
    """Return another contact."""
    return Contact(ref=Ref("crm", "Contact", key), name=f"Persona {key}", email=mail, client=client, **values)


class TestMatched:
    def test_by_the_mail_of_a_contact(self):
        """Case does not count; contact and client are those of the CRM."""
        (survey,), _ = written()
        assert (survey.client, survey.contact) == (ACME, ANA)
        assert (survey.nps, survey.comment, survey.external_ref) == (3, "Los plazos no se cumplen", "F1/r1")

    @pytest.mark.parametrize("mail", ["otra@acme.example", "x@andina.example"])
    def test_by_the_domain_of_a_mail(self, mail):
        """A domain that contacts or accounts of one client have tells the client, not the person."""
        (survey,), _ = written(email=mail)
        assert (survey.client, survey.contact) == (ACME if "acme" in mail else OTHER, None)

    @pytest.mark.parametrize(
        ("client_by", "key"), [("tax id", "900.123.456-8"), ("code", "C-1"), ("name", "Acme S. A. S.")]
    )
    def test_by_what_the_form_says_of_the_client(self, client_by, key):
        """The configured key finds the account, with or without an e-mail."""
        flow = surveys_to_crm(client_by=client_by)
        (survey,), _ = written(flow=flow, client_key=key, email=None)
        assert (survey.client, survey.contact) == (ACME, None)
        (survey,), _ = written(flow=flow, client_key=key)
        assert (survey.client, survey.contact) == (ACME, ANA)

    def test_two_contacts_of_one_client_share_a_mail(self):
        """The client is certain, the person is not."""
        (survey,), _ = written(contact("p2", "ana@acme.example"))
        assert (survey.client, survey.contact) == (ACME, None)

    def test_people_who_left_do_not_count(self):
        """A contact that is not active neither matches nor disturbs."""
        (survey,), _ = written(contact("p2", "ana@acme.example", OTHER, is_active=False))
        assert (survey.client, survey.contact) == (ACME, ANA)

    def test_the_ticket_that_it_is_about(self):
        """A ticket that is linked to a case of the CRM is named."""
        (survey,), _ = written(ticket=Ref("helpdesk", "Ticket", "t1"))
        assert survey.ticket is None


class TestReview:
    @pytest.mark.parametrize(
        ("values", "records"),
        [
            ({"email": None}, ()),
            ({"email": "anonymous@forms.example"}, ()),
            ({"email": "alguien@gmail.com"}, (contact("p2", "otra@gmail.com"),)),
            ({"email": "nadie@otra.example"}, ()),
            ({"email": "x@acme.example"}, (contact("p2", "y@acme.example", OTHER),)),
            ({}, (contact("p2", "ana@acme.example", OTHER),)),
            ({"client_key": "800222333"}, ()),
            ({"client_key": "900.999.999"}, ()),
            ({"client_key": "sin nit"}, ()),
            ({"client_key": "900123456"}, (Client(name="Otra", tax_id=nit(900_123_456)),)),
        ],
        ids=[
            "anonymous", "anonymous mail", "public mail", "unknown", "domain of two", "mail of two",
            "key against mail", "unknown key", "no key", "key of two",
        ],
    )  # fmt: skip
    def test_what_is_not_certain_is_asked(self, values, records):
        """Nothing is written, a person is asked."""
        surveys, report = written(*records, **values)
        assert surveys == []
        assert report.review == 1

    @pytest.mark.parametrize(
        ("values", "records"),
        [
            ({"email": None}, ()),
            ({"email": "nadie@otra.example"}, ()),
            ({"email": "a@gmail.com"}, ()),
            ({"email": "x@acme.example"}, (contact("p2", "y@acme.example", OTHER),)),
            ({}, (contact("p2", "ana@acme.example", OTHER),)),
            ({"client_key": "800222333"}, ()),
            ({"client_key": "sin nit"}, ()),
            ({"client_key": "900123456"}, (Client(name="Otra", tax_id=nit(900_123_456)),)),
        ],
    )
    def test_the_reason_is_known_in_spanish(self, values, records):
        """Whoever settles reviews reads it in the language of the house."""
        reasons = pytest.importorskip("periferia_link.cli._reasons", reason="the command line needs its extra")
        with rig(forms_of(answer(**values)), crm_of(*records), zone=BOGOTA) as office:
            office.run(surveys_to_crm())
            (review,) = office.ledger.reviews()
        assert reasons.in_spanish(review.reason) != review.reason

    def test_reasons_hold_no_personal_data(self):
        """The reason is for lists and logs."""
        _, report = written(email="secreto@otra.example")
        assert "secreto" not in str(report) + " ".join(report.notes)

    def test_a_contact_that_is_added_settles_it(self):
        """The answer is looked at again by itself."""
        with rig(forms_of(answer(email="nueva@otra.example")), crm_of(), zone=BOGOTA) as office:
            assert office.run(surveys_to_crm()).review == 1
            office.crm.put(contact("p9", "nueva@otra.example", OTHER))
            office.run(surveys_to_crm())
            assert [survey.client for survey in office.crm.holds("Survey")] == [OTHER]

    def test_the_verdict_create_writes_it_without_a_client(self):
        """A person may say that it is nobody's."""
        with rig(forms_of(answer(email=None)), crm_of(), zone=BOGOTA) as office:
            flow = surveys_to_crm()
            office.run(flow)
            office.verdict(flow, "r1", "create")
            office.run(flow)
            (survey,) = office.crm.holds("Survey")
            assert (survey.client, survey.nps) == (None, 3)

    def test_domains_can_be_left_out(self):
        """Without domains only the e-mail itself counts."""
        surveys, report = written(flow=surveys_to_crm(domains=False), email="x@andina.example")
        assert (surveys, report.review) == ([], 1)


class TestOnce:
    def test_an_edited_answer_is_updated(self):
        """The same answer stays one record."""
        with rig(forms_of(answer()), crm_of(), zone=BOGOTA) as office:
            flow = surveys_to_crm()
            office.crm.answers.append(lost_after)
            office.run(flow)
            office.forms.change(Ref("forms", "Survey", "r1"), nps=8, comment="Mejoró")
            office.run(flow)
            (survey,) = office.crm.holds("Survey")
            assert (survey.nps, survey.comment) == (8, "Mejoró")
            assert office.run(flow).updated == 0

    def test_a_new_ledger_recognises_what_is_there(self):
        """Form and response say which answer it is: nothing is written twice."""
        forms, crm = forms_of(answer()), crm_of()
        for _ in range(2):
            with rig(forms, crm, zone=BOGOTA) as office:
                office.run(surveys_to_crm())
        assert len(crm.holds("Survey")) == 1

    def test_what_the_loop_wrote_stays(self):
        """An edited answer does not touch what stands there of its follow-up."""
        with rig(forms_of(answer()), crm_of(), zone=BOGOTA) as office:
            office.run(surveys_to_crm())
            (survey,) = office.crm.holds("Survey")
            office.crm.change(survey.ref, follow_up_ticket="PT-1")
            office.forms.change(Ref("forms", "Survey", "r1"), nps=2)
            office.run(surveys_to_crm())
            (survey,) = office.crm.holds("Survey")
            assert (survey.follow_up_ticket, survey.nps) == ("PT-1", 2)
