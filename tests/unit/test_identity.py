"""Matching by itself: an index of the target side, and one judgement for each new record."""

from __future__ import annotations

import pytest

from periferia_link.domain import Client, Ref
from periferia_link.errors import ExpiredCursorError
from periferia_link.identity import PENDING, Matcher, MatchKey
from periferia_link.ledger import SqliteLedger
from small_company import erp_of

CODE = MatchKey("code", lambda one: one.code)
CITY = MatchKey("city", lambda one: one.city, is_strong=False)
NAME = MatchKey("name", lambda one: one.name, is_strong=False)


@pytest.fixture
def ledger():
    """A ledger that forgets everything."""
    with SqliteLedger.open(":memory:") as one:
        yield one


def matcher(ledger, erp, *keys):
    """Return a matcher of CRM clients against the ERP."""
    return Matcher(ledger, erp, "Client", keys=keys or (CODE, NAME), flow="clients", source=Ref("crm", "Client", ""))


def there(key, **values):
    """Return a client of the ERP."""
    return Client(ref=Ref("erp", "Client", key), **({"name": f"Socio {key}"} | values))


def ours(name="Acme", **values):
    """Return what the target should hold of a client of the CRM."""
    return Client(name=name, **values)


def judge(ledger, erp, *keys, **records):
    """Judge records of one page."""
    return matcher(ledger, erp, *keys).judge(records)


def linked(ledger, pairs):
    """Link source records to targets, as a flow does."""
    stream = ledger.stream("clients", "source")
    ledger.describe(stream, system="crm", kind="Client", target_kind="Client", relation="same")
    with ledger.transaction():
        ledger.records.add(
            [(stream, key, "1", None, 0, "erp", target, None, b"{}", None) for key, target in pairs.items()]
        )


class TestVerdicts:
    """No hit, one, several; strong and weak."""

    def test_no_hit(self, ledger):
        """Create."""
        assert "create" == judge(ledger, erp_of(), a=ours(code="C1"))["a"].verdict

    def test_one_strong_hit(self, ledger):
        """Adopt, and say by what."""
        found = judge(ledger, erp_of([there("B1", code="C1")]), a=ours(code="C1"))["a"]
        assert ("adopt", "B1", True) == (found.verdict, found.target, "code" in found.reason)

    def test_several_strong_hits(self, ledger):
        """A person decides between them."""
        erp = erp_of([there("B1", code="C1"), there("B2", code="C1")])
        found = judge(ledger, erp, a=ours(code="C1"))["a"]
        assert ("review", None, ("B1", "B2")) == (found.verdict, found.target, found.candidates)

    def test_two_strong_keys_that_disagree(self, ledger):
        """One says B1, the other B2."""
        phone = MatchKey("phone", lambda one: one.phone)
        erp = erp_of([there("B1", code="C1"), there("B2", phone="5")])
        found = judge(ledger, erp, CODE, phone, a=ours(code="C1", phone="5"))["a"]
        assert ("review", ("B1", "B2")) == (found.verdict, found.candidates)

    def test_two_strong_keys_that_agree(self, ledger):
        """One record."""
        phone = MatchKey("phone", lambda one: one.phone)
        erp = erp_of([there("B1", code="C1", phone="5")])
        assert "adopt" == judge(ledger, erp, CODE, phone, a=ours(code="C1", phone="5"))["a"].verdict

    def test_a_weak_hit(self, ledger):
        """Only a question."""
        found = judge(ledger, erp_of([there("B1", name="Acme")]), a=ours())["a"]
        assert ("review", ("B1",), True) == (found.verdict, found.candidates, "name" in found.reason)

    def test_a_strong_hit_outweighs_weak_ones(self, ledger):
        """The same name elsewhere does not matter."""
        erp = erp_of([there("B1", code="C1"), there("B2", name="Acme")])
        assert ("adopt", "B1") == judge(ledger, erp, a=ours(code="C1"))["a"][:2]

    def test_two_different_strong_keys(self, ledger):
        """Two companies of one name."""
        erp = erp_of([there("B1", name="Acme", code="C2")])
        assert "create" == judge(ledger, erp, a=ours(code="C1"))["a"].verdict

    def test_no_keys_at_all(self, ledger):
        """A record without any value is nobody's twin."""
        empty = MatchKey("code", lambda one: None)
        assert "create" == judge(ledger, erp_of([there("B1", code="C1")]), empty, a=ours(code="C1"))["a"].verdict


class TestTaken:
    """The target that was found belongs to another source record."""

    def test_same_name_too(self, ledger):
        """Follow it."""
        linked(ledger, {"x": "B1"})
        found = judge(ledger, erp_of([there("B1", code="C1", name="Acme")]), a=ours(code="C1"))["a"]
        assert ("follow", "B1", True) == (found.verdict, found.target, "x" in found.reason)

    def test_another_name(self, ledger):
        """A person decides; the target is the candidate."""
        linked(ledger, {"x": "B1"})
        found = judge(ledger, erp_of([there("B1", code="C1")]), a=ours(code="C1"))["a"]
        assert ("review", ("B1",), True) == (found.verdict, found.candidates, "x" in found.reason)

    def test_by_itself(self, ledger):
        """Under an older flow: still its own."""
        linked(ledger, {"a": "B1"})
        found = judge(ledger, erp_of([there("B1", code="C1")]), a=ours(code="C1"))["a"]
        assert ("adopt", "B1") == (found.verdict, found.target)


class TestPages:
    """Records of one page, and creates that are under way."""

    def test_two_of_one_key(self, ledger):
        """The first is created, the second waits for it."""
        found = judge(ledger, erp_of(), a=ours(code="C1"), b=ours("Otra", code="C1"))
        assert ["create", "defer"] == [found[key].verdict for key in "ab"]

    def test_two_of_one_name(self, ledger):
        """Without anything stronger, the second waits too; then it is a question."""
        found = judge(ledger, erp_of(), a=ours(), b=ours())
        assert ["create", "defer"] == [found[key].verdict for key in "ab"]

    def test_two_of_one_name_and_different_keys(self, ledger):
        """Two companies: both are created."""
        found = judge(ledger, erp_of(), a=ours(code="C1"), b=ours(code="C2"))
        assert ["create", "create"] == [found[key].verdict for key in "ab"]

    @pytest.mark.parametrize(("key", "verdict"), [("a", "create"), ("b", "defer")])
    def test_a_create_under_way(self, ledger, key, verdict):
        """It waits for others, never for itself."""
        one = matcher(ledger, erp_of())
        one.refresh()
        with ledger.transaction():
            ledger.links.index(one.stream, [("code", "C1", f"{PENDING}a")])
        assert verdict == one.judge({key: ours(code="C1")})[key].verdict


class TestIndex:
    """What the target holds, remembered."""

    def test_read_once_a_run(self, ledger):
        """However many pages are judged."""
        erp = erp_of([there("B1", code="C1")])
        one = matcher(ledger, erp)
        one.judge({"a": ours(code="C1")})
        one.judge({"b": ours(code="C2")})
        assert 1 == erp.looks.count(("pull", "Client"))

    def test_the_next_run_reads_what_changed(self, ledger):
        """With the cursor of the last one."""
        erp = erp_of([there(f"B{n}", code=f"C{n}") for n in range(5)])
        matcher(ledger, erp).refresh()
        erp.change(Ref("erp", "Client", "B1"), code="C9")
        erp.drop(Ref("erp", "Client", "B2"))
        read = []
        erp.pages = lambda kind, since, pages: [read.extend(page.rows) or page for page in pages]
        found = judge(ledger, erp, a=ours(code="C9"), b=ours(code="C1"), c=ours(code="C2"))
        assert (["adopt", "create", "create"], 1) == ([found[key].verdict for key in "abc"], len(read))

    def test_a_forgotten_cursor(self, ledger):
        """Everything is read again; what is gone is gone."""
        erp = erp_of([there("B1", code="C1"), there("B2", code="C2")])
        matcher(ledger, erp).refresh()
        erp.drop(Ref("erp", "Client", "B2"))

        def forget(kind, since, pages):
            if since is not None:
                raise ExpiredCursorError("too old", system="erp")
            return pages

        erp.pages = forget
        found = judge(ledger, erp, a=ours(code="C1"), b=ours(code="C2"))
        assert ["adopt", "create"] == [found[key].verdict for key in "ab"]

    def test_a_scan_keeps_creates_under_way(self, ledger):
        """They are in no listing yet."""
        erp = erp_of([there("B1", code="C1")], feed="scan")
        one = matcher(ledger, erp)
        one.refresh()
        with ledger.transaction():
            ledger.links.index(one.stream, [("code", "C5", f"{PENDING}x")])
        erp.drop(Ref("erp", "Client", "B1"))
        found = judge(ledger, erp, a=ours(code="C5"), b=ours(code="C1"))
        assert ["defer", "create"] == [found[key].verdict for key in "ab"]

    def test_rows_that_make_no_sense(self, ledger):
        """They match nothing and stop nothing."""
        erp = erp_of([there("B1", code="C1")])
        erp._store("Client", "B2", b'{"name": ""}')
        assert "adopt" == judge(ledger, erp, a=ours(code="C1"))["a"].verdict

    def test_a_key_that_stumbles_over_a_target_row(self, ledger):
        """That row matches nothing."""
        picky = MatchKey("code", lambda one: one.code.upper())
        erp = erp_of([there("B1"), there("B2", code="C1")])
        assert "adopt" == judge(ledger, erp, picky, a=ours(code="C1"))["a"].verdict

    def test_values_of_a_record(self, ledger):
        """Pairs of field and value; keys without a value are left out."""
        one = matcher(ledger, erp_of(), CODE, CITY, NAME)
        assert [("code", "C1"), ("name", "Acme")] == one.values(ours(code="C1"))
