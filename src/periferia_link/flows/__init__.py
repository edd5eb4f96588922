"""Flows that ship with the library: declarations to use as they are, to change with ``.but()``, or to learn from."""

from periferia_link.flows.clients import clients
from periferia_link.flows.labour_costs import labour_costs
from periferia_link.flows.projects import projects

__all__ = ["clients", "labour_costs", "projects"]
