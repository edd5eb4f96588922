"""What is written about profiles is true: the schema for editors, the reference page, the how-to, OpenAPI."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from periferia_link.connectors.ticketing import TicketProfile, load_profile, profile_schema, shipped_profiles
from periferia_link.connectors.ticketing import profile as rules
from periferia_link.connectors.ticketing.catalogue import profile_from, profile_text
from periferia_link.settings import parse_toml

DOCS = Path(__file__).parents[4] / "docs"
TABLES = [
    (TicketProfile, "The file"),
    (rules.AuthRules, "[auth]"),
    (rules.LoginRules, "[auth.login]"),
    (rules.WhoRules, "[auth.who]"),
    (rules.TimeRules, "[times]"),
    (rules.ListRules, "[list]"),
    (rules.PagingRules, "[paging]"),
    (rules.SinceRules, "[since]"),
    (rules.WriteRules, "[write]"),
    (rules.Answer, "[write.create], [write.update], [write.delete]"),
    (rules.FindRules, "[kinds.X.find]"),
    (rules.ValueMap, "[map.NAME]"),
    (rules.KindRules, "[kinds.X]"),
    (rules.FieldRules, "[kinds.X.fields]"),
    (rules.When, "when"),
    (rules.EventRules, "[kinds.Ticket.events]"),
    (rules.ErrorRules, "[errors]"),
    (rules.QuirkRules, "[quirks]"),
]


def shown(value):
    """Write a default as TOML would."""
    if value is None or value in ((), {}) or type(value).__module__.startswith("periferia_link"):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(json.dumps(each) for each in value)}]`"
    return f"`{json.dumps(value, ensure_ascii=False)}`" if isinstance(value, bool | int | float | str) else ""


def row(name, field):
    """Return the line of one key."""
    default = "" if field.is_required() or field.default_factory else shown(field.default)
    text = (field.description or "see its section").replace("|", "\\|")
    return f"| `{field.alias or name}` | {default or ('required' if field.is_required() else '')} | {text} |"


def sections():
    """Return the generated part of the page."""
    lines = []
    for model, title in TABLES:
        meaning = " ".join((model.__doc__ or "").split())
        lines += [f"## {title}", "", meaning, "", "| key | default | meaning |", "| --- | --- | --- |"]
        lines += [row(name, field) for name, field in model.model_fields.items()]
        lines.append("")
    return "\n".join(lines)


class TestTheReference:
    """docs/reference/ticket-profile.md."""

    def test_it_has_every_key(self):
        """Each key of each table, with its default and its meaning, as the models say."""
        page = (DOCS / "reference" / "ticket-profile.md").read_text(encoding="utf-8")
        assert sections() in page

    def test_it_names_every_shipped_profile(self):
        """With its state and its source."""
        page = (DOCS / "reference" / "ticket-profile.md").read_text(encoding="utf-8")
        for name in shipped_profiles():
            profile = load_profile(name)
            assert f"| `{name}` | {profile.title} | {profile.state} | {profile.source} |" in page


class TestTheSchema:
    """ticket-profile.schema.json."""

    def test_it_is_current(self):
        """What is shipped is what the models say now."""
        text = (files("periferia_link.connectors.ticketing") / "profiles" / "ticket-profile.schema.json").read_text(
            encoding="utf-8"
        )
        assert profile_schema() == json.loads(text)

    def test_it_describes_every_key_of_the_shipped_profiles(self):
        """No key of a profile is unknown to it."""
        schema = profile_schema()
        for name in shipped_profiles():
            table = parse_toml(profile_text(name), where=name)
            assert set(table) <= set(schema["properties"])
            known = set(schema["$defs"]["KindRules"]["properties"])
            for kind in table["kinds"].values():
                assert set(kind) <= known


class TestTheHowTo:
    """docs/how-to/connect-your-help-desk.md."""

    def test_its_profile_is_one(self):
        """The whole profile on the page loads."""
        page = (DOCS / "how-to" / "connect-your-help-desk.md").read_text(encoding="utf-8")
        (text,) = [block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "profile = 1" in block]
        assert "acme" == profile_from(parse_toml(text, where="page")).name


class TestOpenApi:
    """docs/reference/periticket-openapi.json, for the makers of Periticket."""

    DOCUMENT = json.loads((DOCS / "reference" / "periticket-openapi.json").read_text(encoding="utf-8"))

    def test_it_has_what_the_profile_asks_for(self):
        """Every path, parameter and member that the profile names is described."""
        profile = load_profile("periticket")
        for rules_of in profile.kinds.values():
            paths = self.DOCUMENT["paths"]
            listing = paths[f"/{rules_of.path}"]
            named = {
                each.get("name") or self.DOCUMENT["components"]["parameters"][each["$ref"].rsplit("/", 1)[-1]]["name"]
                for each in listing["get"]["parameters"]
            }
            asked = {*rules_of.listing.params, *rules_of.listing.pull_params, "updated_since", "cursor", "limit", "ids"}
            assert asked <= named
            assert ("create" in rules_of.write.modes) <= ("post" in listing)
            item = paths[f"/{rules_of.path}/{{id}}"]
            assert ("update" in rules_of.write.modes) <= ("patch" in item)
            assert ("delete" in rules_of.write.modes) <= ("delete" in item)
            members = self.members(listing)
            for field in (*rules_of.fields.values(), *rules_of.custom.values()):
                assert set(field.paths) <= members

    def members(self, listing):
        schema = listing["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        reference = schema["properties"]["data"]["items"]["$ref"]
        return set(self.DOCUMENT["components"]["schemas"][reference.rsplit("/", 1)[-1]]["properties"])

    def test_it_is_marked_as_assumed(self):
        """Nobody takes it for Periticket's own."""
        assert "ssumed" in self.DOCUMENT["info"]["description"]

    @pytest.mark.parametrize("path", ["/session", "/me"])
    def test_who_is_there(self, path):
        """Signing in and who am I."""
        assert path in self.DOCUMENT["paths"]
