"""
The life of one record over every system, as the ledger knows it: where it comes from, what came of it, what is missing.

::

    from periferia_link.trace import trace

    found = trace("crm:Lead:3f2a…", ledger)
    print(found)              # a tree: client, opportunity, project, tickets, hours, postings, and the gaps
    found.to_dict()           # JSON-ready
    found.mermaid()           # a diagram for a page

Asks no system: it works while a run is going, and where the systems cannot be reached.
"""

from periferia_link.trace._found import Gap, Node, Trace
from periferia_link.trace._walk import Direction, trace

__all__ = ["Direction", "Gap", "Node", "Trace", "trace"]
