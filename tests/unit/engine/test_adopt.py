"""Adoption and identity in runs: which record is which, and what a person decides."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from periferia_link.domain import Client, Ref, TaxId
from periferia_link.engine import MatchKey
from periferia_link.errors import ConfigurationError
from periferia_link.flows import clients
from small_company import (
    books_of,
    client,
    client_flow,
    crm_of,
    erp_of,
    helpdesk_of,
    labour_flow,
    names,
    nit,
    refused,
    rig,
)

ACME, ANDINA = nit(900_123_456), nit(800_222_333)
KEYS = (
    MatchKey("tax_id", lambda one: one.tax_id.number if one.tax_id is not None and one.tax_id.is_strong else None),
    MatchKey("name", lambda one: one.name, is_strong=False),
)
FLOW = client_flow(match=KEYS)


def partner(key, **values):
    """Return a client that stands in the ERP."""
    return Client(ref=Ref("erp", "Client", key), **({"name": f"Socio {key}"} | values))


def target_of(here, key, flow=FLOW):
    """Return what a source record is linked to."""
    known = here.ledger.records.known(here.ledger.stream(flow.name, "source"), [key])
    return known[key].target if key in known else None


class TestAdopt:
    """Before the first run anywhere real."""

    def test_strong_hits_are_linked(self):
        """By tax id, whatever the names are; nothing is written anywhere."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            report = here.engine.adopt(FLOW)
            assert (1, "B1", []) == (report.adopted, target_of(here, "c001"), here.erp.sent)

    def test_a_nit_without_check_digit_is_the_same(self):
        """Completed on one side, complete on the other."""
        short, long = TaxId.parse("900123456"), TaxId.parse("900.123.456-8")
        with rig(crm_of([client(1, tax_id=short)]), erp_of([partner("B1", tax_id=long)])) as here:
            assert 1 == here.engine.adopt(FLOW).adopted

    def test_differences_are_said(self):
        """Which fields differ, by name, without their values; nobody changes them."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME, city="Cali")])) as here:
            report = here.engine.adopt(FLOW)
            [note] = report.notes
            assert (1, True, False) == (report.different, "city" in note and "name" in note, "Cali" in note)
            assert "Cali" == here.erp.holds("Client")[0].city

    def test_what_is_only_here_is_counted(self):
        """Unmatched records are for the first run."""
        with rig(crm_of([client(1, tax_id=ACME), client(2)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            report = here.engine.adopt(FLOW)
            assert (1, 1) == (report.adopted, report.unmatched)
            assert 1 == here.run(FLOW).created

    def test_questions_are_asked(self):
        """A weak hit, or two strong ones: review with reason and candidates."""
        ours = [client(1, name="Acme"), client(2, tax_id=ANDINA)]
        theirs = [partner("B1", name="Acme"), partner("B2", tax_id=ANDINA), partner("B3", tax_id=ANDINA)]
        with rig(crm_of(ours), erp_of(theirs)) as here:
            report = here.engine.adopt(FLOW)
            asked = {review.key: (sorted(review.candidates), bool(review.reason)) for review in here.ledger.reviews()}
            assert {"c001": (["B1"], True), "c002": (["B2", "B3"], True)} == asked
            assert (2, 0) == (report.review, report.adopted)

    def test_since_a_day(self):
        """Only records changed on or after it, by the company's calendar; undated ones count."""
        late_evening = datetime(2026, 3, 2, 4, 30, tzinfo=timezone.utc)  # still 1 March in Bogotá
        ours = [
            client(1, tax_id=ACME, updated_at=late_evening),
            client(2, tax_id=ANDINA, updated_at=datetime(2026, 3, 2, 5, tzinfo=timezone.utc)),
            client(3, name="Socio B3"),
        ]
        theirs = [partner("B1", tax_id=ACME), partner("B2", tax_id=ANDINA), partner("B3")]
        with rig(crm_of(ours), erp_of(theirs)) as here:
            report = here.engine.adopt(FLOW, since=date(2026, 3, 2))
            assert (1, None, "B2", 1) == (
                report.adopted,
                target_of(here, "c001"),
                target_of(here, "c002"),
                report.review,
            )

    def test_twice(self):
        """What is linked stays linked, what was asked is asked once."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            here.engine.adopt(FLOW)
            assert 0 == here.engine.adopt(FLOW).adopted

    def test_the_first_run_afterwards(self):
        """Creates what is missing and touches nothing that was adopted."""
        ours = [client(1, tax_id=ACME), client(2)]
        with rig(crm_of(ours), erp_of([partner("B1", tax_id=ACME, city="Cali")])) as here:
            here.engine.adopt(FLOW)
            report = here.run(FLOW)
            assert (1, 0, ["Cliente 2", "Socio B1"]) == (report.created, report.updated, names(here.erp))

    def test_fields_follow_when_the_source_changes_them(self):
        """Only those that changed since the adoption."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME, city="Cali")])) as here:
            here.engine.adopt(FLOW)
            here.crm.change(Ref("crm", "Client", "c001"), email="a@b.co")
            here.run(FLOW)
            [there] = here.erp.holds("Client")
            assert ("Socio B1", "Cali", "a@b.co") == (there.name, there.city, there.email)

    def test_rows_that_make_no_sense(self):
        """One on each side: the others are matched."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            here.crm._store("Client", "c002", b'{"name": ""}')
            here.erp._store("Client", "B2", b'{"name": ""}')
            assert 1 == here.engine.adopt(FLOW).adopted

    def test_a_partner_that_cannot_be_read(self):
        """It is linked by the index; that nobody could compare it is said."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            here.erp.gets = lambda kind, ids, rows: [row._replace(body=b'{"name": ""}') for row in rows]
            report = here.engine.adopt(FLOW)
            assert (1, 0, [True]) == (report.adopted, report.different, ["unreadable" in note for note in report.notes])

    def test_an_account_that_cannot_be_read(self):
        """Nobody knows when it changed: it is looked at, and left to the first run."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of([partner("B1", tax_id=ACME)])) as here:
            here.crm._store("Client", "c002", b'{"name": ""}')
            assert (1, []) == (here.engine.adopt(FLOW, since=date(2020, 1, 1)).adopted, here.ledger.parked())
            assert ["c002"] == ([parked.key for parked in here.ledger.parked()] if here.run(FLOW).parked else [])

    def test_without_match_keys(self):
        """There is nothing to recognise anything by; grouped flows have a start date instead."""
        with rig(crm_of([]), erp_of()) as here, pytest.raises(ConfigurationError, match="match") as caught:
            here.engine.adopt(client_flow())
        assert caught.value.hint
        with rig(helpdesk_of(), books_of()) as here, pytest.raises(ConfigurationError, match="match") as caught:
            here.engine.adopt(labour_flow())
        assert "starts" in caught.value.hint


class TestTwoOfOneTaxId:
    """Two accounts of the CRM have one NIT."""

    def over(self, second, theirs=()):
        """Return a rig with a first account and a second one of that name."""
        ours = [client(1, tax_id=ACME, name="Acme"), client(2, tax_id=ACME, name=second)]
        return rig(crm_of(ours), erp_of(theirs))

    def test_the_same_name(self):
        """One partner, both linked to it, said in the report."""
        with self.over("Acme") as here:
            report = here.run(FLOW)
            assert (1, 1, ["Acme"]) == (report.created, report.adopted, names(here.erp))
            assert target_of(here, "c001") == target_of(here, "c002")
            assert [True] == ["c002" in note for note in report.notes]

    def test_another_name(self):
        """One partner; the second account is a question, with the partner as candidate."""
        with self.over("Otra") as here:
            report = here.run(FLOW)
            [review] = here.ledger.reviews()
            assert (1, 1, "c002") == (report.created, report.review, review.key)
            assert [target_of(here, "c001")] == list(review.candidates)

    def test_a_follower_does_not_write(self):
        """The first account owns the partner; changes of the second do not fight with it."""
        with self.over("Acme") as here:
            here.run(FLOW)
            here.crm.change(Ref("crm", "Client", "c002"), city="Cali")
            assert (0, "Bogotá") == (here.run(FLOW).writes, here.erp.holds("Client")[0].city)

    def test_a_follower_takes_over(self):
        """When the first account is deleted, the second one is the source."""
        with self.over("Acme") as here:
            here.run(FLOW)
            here.crm.drop(Ref("crm", "Client", "c001"))
            here.run(FLOW)
            here.crm.change(Ref("crm", "Client", "c002"), city="Cali")
            here.run(FLOW)
            assert "Cali" == here.erp.holds("Client")[0].city

    def test_a_follower_keeps_the_partner_alive(self):
        """Deleting one of two accounts does not delete their partner."""
        flow = FLOW.but(on_delete="delete")
        with self.over("Acme") as here:
            here.run(flow)
            here.crm.drop(Ref("crm", "Client", "c002"))
            assert (0, ["Acme"]) == (here.run(flow).deleted, names(here.erp))

    def test_the_writer_is_deleted_and_a_follower_lives(self):
        """The partner stays: it still is somebody's; the other account writes it from now on."""
        flow = FLOW.but(on_delete="delete")
        with self.over("Acme") as here:
            here.run(flow)
            here.crm.drop(Ref("crm", "Client", "c001"))
            assert (0, ["Acme"]) == (here.run(flow).deleted, names(here.erp))
            here.crm.change(Ref("crm", "Client", "c002"), city="Cali")
            here.run(flow)
            assert ("Cali", []) == (here.erp.holds("Client")[0].city, here.ledger.parked())
            here.crm.drop(Ref("crm", "Client", "c002"))
            assert (1, []) == (here.run(flow).deleted, names(here.erp))

    def test_linked_by_a_person(self):
        """``link:ID``: the second account is that partner; nothing is created, and both stay quiet."""
        with self.over("Otra") as here:
            here.run(FLOW)
            [review] = here.ledger.reviews()
            here.verdict(FLOW, "c002", f"link:{review.candidates[0]}")
            report = here.run(FLOW)
            assert (1, [], ["Acme"]) == (report.adopted, here.ledger.reviews(), names(here.erp))
            assert target_of(here, "c001") == target_of(here, "c002")
            assert 0 == here.run(FLOW).writes

    def test_separated_by_a_person(self):
        """``create``: a partner of its own, although the tax id is the same."""
        with self.over("Otra") as here:
            here.run(FLOW)
            here.verdict(FLOW, "c002", "create")
            assert (1, ["Acme", "Otra"]) == (here.run(FLOW).created, names(here.erp))
            assert ([], 0) == (here.ledger.reviews(), here.run(FLOW).writes)

    def test_ignored_by_a_person(self):
        """``ignore``: for good, whatever else changes in the account."""
        with self.over("Otra") as here:
            here.run(FLOW)
            here.verdict(FLOW, "c002", "ignore")
            here.run(FLOW)
            here.crm.change(Ref("crm", "Client", "c002"), city="Cali")
            report = here.run(FLOW)
            assert (0, 0, []) == (report.writes, report.review, here.ledger.reviews())
            assert ["Acme"] == names(here.erp)

    def test_the_partner_was_there_before(self):
        """Adopted by the first account; the second is judged against it."""
        with self.over("Otra", [partner("B1", tax_id=ACME)]) as here:
            report = here.run(FLOW)
            assert (0, 1, 1, "B1") == (report.created, report.adopted, report.review, target_of(here, "c001"))

    def test_the_first_is_refused(self):
        """The second one takes its turn; none of them is lost."""
        with self.over("Acme") as here:
            here.erp.answers = [refused()]
            here.run(FLOW)
            here.clock.advance(86_400)
            here.run(FLOW)
            assert (["Acme"], []) == (names(here.erp), here.ledger.parked())
            assert target_of(here, "c001") == target_of(here, "c002")


class TestWeakHits:
    """The same name, and no id that proves it."""

    @pytest.mark.parametrize("page", [1, 10])
    def test_two_accounts_without_a_tax_id(self, page):
        """One is created, the other one is a question, on whatever pages they stand."""
        ours = [client(1, name="Acme"), client(2, name="Acme")]
        with rig(crm_of(ours, page_size=page), erp_of()) as here:
            report = here.run(FLOW)
            assert (1, 1, ["Acme"]) == (report.created, report.review, names(here.erp))

    def test_two_tax_ids_are_two_companies(self):
        """However equal the names are."""
        ours = [client(1, name="Acme", tax_id=ACME)]
        with rig(crm_of(ours), erp_of([partner("B1", name="Acme", tax_id=ANDINA)])) as here:
            assert (1, 0) == ((report := here.run(FLOW)).created, report.review)

    def test_the_partner_has_no_tax_id(self):
        """It may be the same one: a question."""
        ours = [client(1, name="Acme", tax_id=ACME)]
        with rig(crm_of(ours), erp_of([partner("B1", name="Acme")])) as here:
            assert (0, 1) == ((report := here.run(FLOW)).created, report.review)
            here.verdict(FLOW, "c001", "link:B1")
            assert (1, "B1") == (here.run(FLOW).adopted, target_of(here, "c001"))


class TestAsks:
    """The projection itself wants a person."""

    wrong = TaxId.parse("900123456-1")

    @pytest.fixture
    def here(self):
        """An account whose check digit is wrong."""
        with rig(crm_of([client(1, tax_id=self.wrong, name="Acme")]), erp_of([partner("B1")])) as one:
            report = one.run(clients())
            assert (1, 0) == (report.review, report.writes)
            assert "check digit" in one.ledger.reviews()[0].reason
            yield one

    def test_create(self, here):
        """What the projection proposes."""
        here.verdict(clients(), "c001", "create")
        assert (1, ["Acme", "Socio B1"]) == (here.run(clients()).created, names(here.erp))
        assert ([], 0) == (here.ledger.reviews(), here.run(clients()).review)

    def test_link(self, here):
        """To a partner that the person names."""
        here.verdict(clients(), "c001", "link:B1")
        assert (1, "B1") == (here.run(clients()).adopted, target_of(here, "c001", clients()))
        assert ([], 0) == (here.ledger.reviews(), here.run(clients()).review)

    def test_ignore(self, here):
        """Not again."""
        here.verdict(clients(), "c001", "ignore")
        here.run(clients())
        here.crm.change(Ref("crm", "Client", "c001"), city="Cali")
        assert (0, []) == (here.run(clients()).review, here.ledger.reviews())

    def test_corrected_in_the_source(self, here):
        """The question is gone with its cause."""
        here.crm.change(Ref("crm", "Client", "c001"), tax_id={"country": "CO", "number": ACME.number})
        assert (1, []) == (here.run(clients()).created, here.ledger.reviews())

    def test_wrong_again_after_it_was_linked(self, here):
        """A typo in a linked account asks once more; the partner keeps what it has."""
        here.crm.change(Ref("crm", "Client", "c001"), tax_id={"country": "CO", "number": ACME.number})
        here.run(clients())
        here.crm.change(Ref("crm", "Client", "c001"), tax_id={"country": "CO", "number": "9001234561"}, city="Cali")
        report = here.run(clients())
        assert (1, 0) == (report.review, report.writes)


class TestIndex:
    """The index of the target side."""

    def test_it_follows_the_target(self):
        """New partners are found, deleted ones are not, renamed ones by their new name."""
        with rig(crm_of([]), erp_of([partner("B1", tax_id=ACME)])) as here:
            here.run(FLOW)
            here.erp.drop(Ref("erp", "Client", "B1"))
            here.erp.put(partner("B2", tax_id=ANDINA))
            here.crm.put(client(1, tax_id=ACME))
            here.crm.put(client(2, tax_id=ANDINA))
            report = here.run(FLOW)
            assert (1, 1, "B2") == (report.created, report.adopted, target_of(here, "c002"))

    def test_of_a_target_that_is_only_listed(self):
        """Absent from a complete listing is gone."""
        with rig(crm_of([client(9)]), erp_of([partner("B1", tax_id=ACME)], feed="scan")) as here:
            here.run(FLOW)
            here.erp.drop(Ref("erp", "Client", "B1"))
            here.crm.put(client(1, tax_id=ACME))
            assert 1 == here.run(FLOW).created

    def test_a_flow_under_another_name(self):
        """It recognises what the old one linked; nothing is created again."""
        with rig(crm_of([client(1, tax_id=ACME)]), erp_of()) as here:
            here.run(FLOW)
            report = here.engine.run(FLOW.but(name="partners"))["partners"]
            assert (0, 1, 0) == (report.created, report.adopted, report.review)
            here.crm.change(Ref("crm", "Client", "c001"), name="Nuevo")
            here.engine.run(FLOW.but(name="partners"))
            assert ["Nuevo"] == names(here.erp)
