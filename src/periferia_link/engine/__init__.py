"""The engine: compares, plans and writes once. It sees connectors, never a named system."""

from periferia_link.engine.context import Context
from periferia_link.engine.flow import Ask, Ceilings, Contribution, Flow, Group, Lookup, Skip, Wait
from periferia_link.engine.plan import Change, Plan
from periferia_link.engine.report import FlowReport, Progress, RunReport
from periferia_link.engine.run import Engine
from periferia_link.identity import MatchKey

__all__ = [
    "Ask",
    "Ceilings",
    "Change",
    "Context",
    "Contribution",
    "Engine",
    "Flow",
    "FlowReport",
    "Group",
    "Lookup",
    "MatchKey",
    "Plan",
    "Progress",
    "RunReport",
    "Skip",
    "Wait",
]
