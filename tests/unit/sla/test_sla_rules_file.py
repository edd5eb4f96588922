"""Rules from the tables of a TOML file; what does not fit is said with file, section, key and the next step."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta

import pytest

from periferia_link.errors import ConfigurationError
from periferia_link.sla import HolidaySet, measure, read_priority, read_sla
from sla_examples import BOGOTA, COLOMBIA, at, ticket

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = """
[sla.calendars.office]
zone = "America/Bogota"
holidays = "CO"
hours = { mon-fri = ["08:00-12:00", "13:00-17:00"], sat = ["08:00-12:00"] }
special = { 2026-12-24 = ["08:00-12:00"], 2026-12-31 = [] }

[sla.calendars.weekend]
hours = { sat-sun = ["00:00-24:00"] }
holidays = [2026-12-26]

[sla.policies.gold]
position = 10
calendar = "office"
applies = { tiers = ["gold"], types = ["incident"] }
enforce_from = 2026-01-01
targets = [
  { metric = "first_response", within = "1h" },
  { metric = "resolution", within = "8h", priority = "critical", calendar = "always" },
  { metric = "resolution", within = "2 working days" },
]
escalations = [{ at = 0.75, name = "warn", notify = ["lead"] }, { at = 1, name = "breach" }]

[sla.legal]
calendar = "office"
petition = "co.ley1755.peticion"
claim = "co.ley1755.peticion"

[priority]
tiers = { gold = 20 }
renewal_within_days = { 30 = 40, 90 = 15 }
breach = 15
levels = { high = 40, critical = 70 }
"""


def read(text=FILE):
    """Read the rules of a file."""
    return read_sla(tomllib.loads(text)["sla"], holidays=lambda country: COLOMBIA)


class TestReading:
    def test_calendars(self):
        """Days, hours, holidays, days of their own."""
        rules = read()
        office, weekend = rules.calendars["office"], rules.calendars["weekend"]
        assert {"office", "weekend", "always"} == set(rules.calendars)
        spans = [office.windows_on(date(2026, 12, day)) for day in (8, 19, 23, 24, 31)]
        assert [0, 1, 2, 1, 0] == [len(span) for span in spans]
        begin = datetime(2026, 12, 25, tzinfo=BOGOTA)
        assert timedelta(days=1) == weekend.between(begin, begin + timedelta(days=6))

    def test_policies(self):
        """In order of position, legal ones among them."""
        rules = read()
        assert ["gold", "co.ley1755.peticion"] == [policy.id for policy in rules.policies]
        assert frozenset({"petition", "claim"}) == rules.policies[1].applies.types
        gold = rules.policies[0]
        assert ["warn", "breach"] == [step.name for step in gold.escalations]
        one = ticket(type="incident", priority="critical")
        clocks = measure(one, rules.policies, now=at("09:30"), calendars=rules.calendars, tier="gold")
        assert [("first_response", "office"), ("resolution", "always")] == [(c.metric, c.calendar) for c in clocks]

    def test_the_priority_rule(self):
        """Numbers as keys stand without quotes too: TOML keys are texts."""
        rule = read_priority(tomllib.loads(FILE)["priority"])
        assert {"30": 40, "90": 15} == dict(rule.renewal_within_days)

    def test_an_empty_file(self):
        """Nothing is promised, round the clock is there."""
        rules = read_sla({})
        assert ((), ["always"]) == (rules.policies, list(rules.calendars))

    def test_a_region(self):
        """Is handed on."""
        asked = []

        def known(country, region=None):
            asked.append((country, region))
            return HolidaySet.of("x", [])

        table = {"calendars": {"a": {"hours": {"mon": ["08:00-09:00"]}, "holidays": "BR", "region": "SP"}}}
        read_sla(table, holidays=known)
        assert [("BR", "SP")] == asked


class TestRefusals:
    @pytest.mark.parametrize(
        ("was", "now", "where", "hint"),
        [
            ("[sla.legal]", "[sla.lagal]", "[sla] lagal: unknown key", "did you mean legal"),
            ("position = 10", "posi = 10", "[sla.policies.gold] posi: unknown key", "did you mean position"),
            ("position = 10", 'position = "x"', "[sla.policies.gold] position:", "lowest number"),
            ("position = 10", 'id = "x"', "[sla.policies.gold] id:", "name of the table"),
            ('within = "1h"', 'within = "1 hour"', "targets[0].within: is no duration", "working days"),
            ('within = "1h"', 'within = "0h"', "targets[0].within: is no duration", "1h30m"),
            ('"first_response"', '"first"', "[sla.policies.gold] targets[0].metric:", "next_response"),
            ('metric = "first_response", ', "", "targets[0].metric: is missing", "first_response"),
            ("within =", "withn =", "targets[0].within: is missing", "4h"),
            ('tiers = ["gold"]', 'teirs = ["gold"]', "applies.teirs: unknown key", "tiers"),
            (
                'calendar = "always"',
                'calendar = "moon"',
                "[sla.policies.gold] calendar: there is no calendar moon",
                "office",
            ),
            ("at = 0.75", "at = 0", "escalations[0].at:", "share of the target"),
            (
                'petition = "co.ley1755.peticion"',
                'petition = "co.x"',
                "[sla.legal] petition: there is no legal term",
                "known",
            ),
            ('calendar = "office"\npetition', "petition", "[sla.legal] calendar: is missing", "working days"),
            ('zone = "America/Bogota"', 'zone = "Bogota"', "[sla.calendars.office] zone:", "America/Bogota"),
            ("mon-fri", "mon-fry", "[sla.calendars.office] hours.mon-fry: is no weekday", "mon-fri"),
            ('"08:00-12:00", "13', '"0800-1200", "13', "[sla.calendars.office.hours] mon-fri:", "08:00"),
            (
                '["08:00-12:00", "13:00-17:00"]',
                '"08:00-12:00"',
                "[sla.calendars.office.hours] mon-fri: is no list",
                "closed",
            ),
            (
                "2026-12-31 = []",
                '"31-12-2026" = []',
                "[sla.calendars.office.special] 31-12-2026: is no day",
                "2026-12-24",
            ),
            ("holidays = [2026-12-26]", "holidays = 5", "[sla.calendars.weekend] holidays:", "CO"),
            (
                "hours = { sat-sun",
                "ours = { sat-sun",
                "[sla.calendars.weekend] ours: unknown key",
                "did you mean hours",
            ),
            ('hours = { sat-sun = ["00:00-24:00"] }', "", "[sla.calendars.weekend] hours: is missing", "mon-fri"),
        ],
    )
    def test_each_says_where_and_what_next(self, was, now, where, hint):
        """File, section and key, and what to write."""
        assert was in FILE
        with pytest.raises(ConfigurationError) as caught:
            read(FILE.replace(was, now, 1))
        assert where in caught.value.message
        assert caught.value.message.startswith("periferia.toml [sla")
        assert hint in caught.value.hint

    def test_a_section_that_is_no_table(self):
        """Says how it is written."""
        with pytest.raises(ConfigurationError, match=r"\[sla\] policies: is not a table") as caught:
            read_sla({"policies": 1})
        assert "[sla.policies]" in caught.value.hint

    @pytest.mark.parametrize(
        ("table", "where"),
        [
            ({"renewal_within_days": {"soon": 1}}, "renewal_within_days: needs numbers"),
            ({"levels": {"urgent": 1}}, "levels.urgent"),
            ({"breach": -1}, "breach:"),
            ({"braech": 1}, "braech: unknown key"),
        ],
    )
    def test_the_priority_rule(self, table, where):
        """The same for [priority]."""
        with pytest.raises(ConfigurationError, match=r"periferia.toml \[priority\]") as caught:
            read_priority(table)
        assert where in caught.value.message
        assert caught.value.hint
