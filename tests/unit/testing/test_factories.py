"""Records for tests: every kind, valid, believable, repeatable, never twice the same."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from periferia_link.domain import KINDS, Client, Contact, Entity, Invoice, Ref, TaxId, Ticket, TimeEntry
from periferia_link.errors import ConfigurationError
from periferia_link.testing.factories import LEFT_OUT, Factory

KEYS = ("code", "number", "tax_id", "email", "external_ref", "reference")


class Mood(enum.Enum):
    """A type that no kind of ours has."""

    GOOD = "good"


class Visit(Entity):
    """A kind of somebody else, with a field of every sort."""

    personal_fields: ClassVar[frozenset[str]] = frozenset()

    guest: str
    number_of_people: int = Field(gt=1)
    fee: Annotated[Decimal, Field(ge=5)]
    is_paid: bool
    on: date
    at: datetime
    lasts: timedelta
    mood: Mood
    form: Literal["short", "long"]
    host: Ref
    first_names: tuple[str, ...] = Field(min_length=2)
    extras: Mapping[str, Any]
    note: str | None
    tax_id: TaxId


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
class TestEveryKind:
    """All that a reference can name."""

    def test_valid_and_filled(self, kind):
        """It says more than the model asks for, and survives JSON unchanged."""
        one = Factory()(kind)

        assert kind.model_validate_json(one.model_dump_json(exclude_unset=True)) == one
        assert len(one.model_fields_set) >= 3

    def test_repeatable(self, kind):
        """The same seed makes the same records in the same order; another seed makes others."""
        assert Factory(seed=4).many(kind, 3) == Factory(seed=4).many(kind, 3)
        assert Factory(seed=4).many(kind, 3) != Factory(seed=5).many(kind, 3)

    def test_keys_never_repeat(self, kind):
        """Neither in one factory nor between two seeds."""
        made = [*Factory(seed=1).many(kind, 40), *Factory(seed=2).many(kind, 40)]
        for name in KEYS:
            held = [value for one in made if (value := getattr(one, name, None)) is not None]
            assert len(set(map(str, held))) == len(held)

    def test_as_if_read(self, kind):
        """With a system, every record knows where it stands."""
        first, second = Factory(system="crm").many(kind, 2)

        assert first.ref == Ref("crm", kind.kind(), "1")
        assert second.version == 'W/"2"'

    def test_nobody_is_real(self, kind):
        """Addresses end in .example; tax ids are from a range that is given to nobody."""
        for one in Factory().many(kind, 10):
            email, tax_id = getattr(one, "email", None), getattr(one, "tax_id", None)
            assert email is None or email.endswith(".example")
            assert tax_id is None or (tax_id.number.startswith("99") and tax_id.standing == "verified")


class TestWhatTheTestDecides:
    """Keywords win."""

    def test_override(self):
        """A field by keyword, in one and in many."""
        make = Factory()

        assert make(Client, city="Leticia").city == "Leticia"
        assert {one.project for one in make.many(TimeEntry, 3, project="P-1")} == {"P-1"}

    def test_left_out(self):
        """A field that is not set is not None: it is never sent."""
        one = Factory()(Contact, email=LEFT_OUT, phone=None)

        assert "email" not in one.model_fields_set
        assert "phone" in one.model_fields_set
        assert "LEFT_OUT" == repr(LEFT_OUT)

    def test_history(self):
        """A ticket comes with its events in order of time."""
        events = Factory()(Ticket).events

        assert [event.at for event in events] == sorted(event.at for event in events)

    def test_a_field_that_does_not_exist(self):
        """Said with its name, not with what was given."""
        with pytest.raises(ConfigurationError, match="no Client can be made: shoesize") as refused:
            Factory()(Client, shoesize="44-secret")
        assert "44-secret" not in str(refused.value)

    def test_a_value_that_does_not_fit(self):
        """The rules of the kind hold for test data as well."""
        with pytest.raises(ConfigurationError, match="due before it is posted"):
            Factory()(Invoice, posted_on=date(2026, 3, 2), due_on=date(2026, 3, 1))

    def test_the_seed_is_small(self):
        """It stands in the keys."""
        with pytest.raises(ConfigurationError, match="0 to 99"):
            Factory(seed=100)
        assert repr(Factory(seed=9)) == "Factory(seed=9)"


class TestKindsOfOthers:
    """What no builder knows is read from the model."""

    def test_every_sort_of_field(self):
        """Limits are kept, keys are new every time."""
        first, second = Factory(system="desk").many(Visit, 2)

        assert first.number_of_people == 2
        assert first.fee == 5
        assert first.mood is Mood.GOOD
        assert len(first.first_names) == 2
        assert first.host.system == "desk"
        assert first.guest != second.guest

    def test_a_kind_that_extends_ours(self):
        """A client with one field more is a client, and gets the field."""

        class Patient(Client):
            ward: str

            @classmethod
            def kind(cls):
                return "Client"

        assert Factory()(Patient).city
        assert Factory()(Patient).ward

    def test_another_kind_of_that_name(self):
        """A stranger that happens to be called Ticket is not filled with ours."""
        stranger = type("Ticket", (Entity,), {"__annotations__": {"seat": "str"}, "__module__": __name__})

        assert Factory()(stranger).seat

    def test_a_field_that_nobody_can_make_up(self):
        """Named, with the way out."""
        odd = type("Odd", (Entity,), {"__annotations__": {"shape": "complex"}, "__module__": __name__})

        with pytest.raises(ConfigurationError, match="the field shape of Odd") as refused:
            Factory()(odd)
        assert refused.value.hint == "give it by keyword: shape=…"
