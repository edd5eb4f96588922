"""Definition of Ready and Done: evaluated on work items, reported, and by choice written as comments."""

from __future__ import annotations

import pytest

from periferia_link.domain import Interaction, Ref, WorkItem
from periferia_link.domain.work_item import WorkItemLink
from periferia_link.errors import ConfigurationError
from periferia_link.flows import readiness
from periferia_link.flows.readiness import readiness_of
from periferia_link.rules import read_checklists
from small_company import Awkward, rig

RULES = {
    "checklists": {
        "ready": {
            "title": "Requisito preparado",
            "stage": "ready",
            "types": ["User Story"],
            "checks": [
                {"field": "acceptance", "min_length": 20, "says": "criterios de aceptación"},
                {"field": "description", "mentions": ["como"], "avoids": ["etc"], "says": "quién lo pide, sin etc."},
                {"field": "estimate", "most": 13, "says": "puntos, a lo sumo 13"},
                {"field": "parent", "says": "funcionalidad a la que pertenece"},
            ],
        },
        "done": {
            "stage": "done",
            "checks": [
                {"field": "remaining", "equals": "0", "says": "trabajo restante en cero"},
                {"field": "links", "at_least": 1, "relation": "related", "says": "prueba enlazada"},
                {"field": "custom:Custom.Reviewed", "equals": "true", "says": "revisión"},
            ],
        },
    }
}
GOOD = {
    "type": "User Story",
    "category": "proposed",
    "acceptance": "<ul><li>Dado que exporto, entonces baja el archivo</li></ul>",
    "description": "<p>Como analista quiero exportar</p>",
    "estimate": 5,
    "parent": Ref("devops", "WorkItem", "1"),
}


def item(key="7", **values):
    """Return a work item that is ready."""
    return WorkItem(ref=Ref("devops", "WorkItem", key), title="Exportar", **(GOOD | values))


def says(**values):
    """Return what an item lacks; None when nothing is asked of it."""
    found = readiness_of([item(**values)], RULES)
    return [one.says for one in found[0].failures] if found else None


class TestReady:
    def test_an_item_that_is_ready(self):
        """Every point holds."""
        (found,) = readiness_of([item()], RULES)
        assert found.is_ready
        assert str(found) == "#7 ok"

    @pytest.mark.parametrize(
        ("values", "missing"),
        [
            ({"acceptance": None}, ["criterios de aceptación"]),
            ({"acceptance": "<p>&nbsp;</p><div><br></div>"}, ["criterios de aceptación"]),
            ({"description": "Quiero exportar"}, ["quién lo pide, sin etc."]),
            ({"description": "COMO analista, etc."}, ["quién lo pide, sin etc."]),
            ({"description": "Como analista, etcétera"}, []),
            ({"estimate": 21}, ["puntos, a lo sumo 13"]),
            ({"estimate": None}, ["puntos, a lo sumo 13"]),
            ({"parent": None}, ["funcionalidad a la que pertenece"]),
        ],
    )
    def test_what_is_missing(self, values, missing):
        """Texts are read without markup, words as whole words, numbers as numbers."""
        assert says(**values) == missing

    @pytest.mark.parametrize("values", [{"type": "Bug"}, {"category": "removed"}])
    def test_nothing_is_asked_of_others(self, values):
        """Other types and states are left alone."""
        assert says(**values) is None


class TestDone:
    def test_what_is_said_to_be_finished(self):
        """Done is asked of resolved and completed items, columns of one's own among the points."""
        related = (WorkItemLink(relation="related", target="9"),)
        reviewed = {"Custom.Reviewed": True}
        assert says(category="completed") == ["trabajo restante en cero", "prueba enlazada", "revisión"]
        assert says(category="completed", remaining="0.0", links=related, custom=reviewed) == []
        hyper = (WorkItemLink(relation="hyperlink", target="https://x.example"),)
        assert says(category="resolved", remaining=0, links=hyper, custom=reviewed) == ["prueba enlazada"]

    def test_only_items_with_a_tag(self):
        """A list may be for some items only."""
        rules = {"checklists": {"x": {**RULES["checklists"]["ready"], "tags": ["Crítico"]}}}
        assert readiness_of([item(tags=("otro",))], rules) == []
        assert len(readiness_of([item(tags=("crítico",))], rules)) == 1


class TestComments:
    def test_one_comment_that_stays_true(self):
        """What lacks something is told so on the item, told again when that changes, and once when all is there."""
        devops = Awkward("devops", [WorkItem, Interaction], [item(acceptance=None, parent=None), item("8")])
        with rig(devops) as office:
            flow = readiness(checklists=RULES)
            office.run(flow)
            (comment,) = office.devops.holds("Interaction")
            assert comment.regarding == Ref("devops", "WorkItem", "7")
            assert comment.text.splitlines() == [
                "Definición de preparado (Requisito preparado), falta: criterios de aceptación",
                "Definición de preparado (Requisito preparado), falta: funcionalidad a la que pertenece",
            ]
            office.devops.change(Ref("devops", "WorkItem", "7"), acceptance=GOOD["acceptance"])
            office.run(flow)
            assert len(office.devops.holds("Interaction")[0].text.splitlines()) == 1
            office.devops.change(Ref("devops", "WorkItem", "7"), parent=GOOD["parent"])
            office.run(flow)
            (comment,) = office.devops.holds("Interaction")
            assert comment.text == "Los puntos de las listas se cumplen."
            before = list(office.devops.requests)
            office.run(flow)
            assert before == office.devops.requests

    def test_a_plan_reports_and_writes_nothing(self):
        """Who wants no comments looks at the plan."""
        with rig(Awkward("devops", [WorkItem, Interaction], [item(acceptance=None)])) as office:
            plan = office.engine.plan([readiness(checklists=RULES, language="en")])
            assert "Definition of Ready" in str(plan.changes[0].fields["text"])
            assert office.devops.holds("Interaction") == []


class TestRules:
    @pytest.mark.parametrize(
        ("table", "message", "hint"),
        [
            ({"lists": {}}, r"\[readiness\] lists: unknown key", "known are checklists"),
            ({"checklists": {"a": {"stage": "reday", "checks": []}}}, r"checklists.a.stage", "ready"),
            ({"checklists": {"a": {"stage": "ready", "checks": []}}}, r"checklists.a.checks", "a list of tables"),
            (
                {"checklists": {"a": {"stage": "ready", "checks": [{"field": "acceptanc", "says": "x"}]}}},
                "no field acceptanc",
                "",
            ),
            (
                {"checklists": {"a": {"stage": "ready", "checks": [{"field": "title", "say": "x"}]}}},
                r"checks\[0\]",
                "",
            ),
        ],
    )
    def test_mistakes_name_the_place_and_the_next_step(self, table, message, hint):
        """Whoever wrote the file can correct it."""
        with pytest.raises(ConfigurationError, match=message) as caught:
            read_checklists(table)
        assert hint in (caught.value.hint or "")
        assert caught.value.hint
