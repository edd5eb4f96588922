"""One pass of one flow: what its steps share."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from periferia_link.connectors.base import Connector
from periferia_link.domain import Entity, Ref, exact_sum
from periferia_link.engine.context import Context
from periferia_link.engine.flow import Flow
from periferia_link.engine.plan import Change
from periferia_link.engine.report import FlowReport, Progress
from periferia_link.errors import CeilingError, ConfigurationError, FlowError
from periferia_link.identity import Matcher
from periferia_link.ledger.protocol import Held, Ledger
from periferia_link.typing import Clock

if TYPE_CHECKING:
    from periferia_link.engine._workers import CancelToken

__all__ = ["Session", "create_key"]

# fixed for ever: a ledger rebuilt from the markers in the targets must find the same keys
_NAMESPACE = uuid.UUID("6f6f7d1a-6d0c-5a57-9a57-3a2f6f5d4c21").bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_LEASE_SECONDS = 120.0
_SMALL = 20  # below this number of known records a percentage says nothing


def create_key(edge: str, key: str, part: str = "") -> str:
    """
    Return the key of one effect, for ever the same: uuid5(namespace, edge | key | part).

    It holds neither a version nor a value: a second attempt with newer values is still the same creation.
    """
    return _uuid5(hashlib.sha1(_NAMESPACE + edge.encode(), usedforsecurity=False), key, part)


def _uuid5(begun: hashlib._Hash, key: str, part: str) -> str:
    # uuid.uuid5 builds an object and checks its arguments: three times the cost of the hash itself
    whole = begun.copy()
    whole.update(f"|{key}|{part}".encode())
    text = whole.hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


@dataclass(slots=True)
class Session:
    """Everything that the steps of one pass share; lives as long as the pass."""

    flow: Flow
    ledger: Ledger
    clock: Clock
    source: Connector
    targets: Mapping[str, Connector]
    source_id: str
    target_ids: Mapping[str, str]
    report: FlowReport
    context: Context
    actor: str
    run: int
    cancel: CancelToken
    lease: Held | None = None
    lease_ends: float = 0.0  # by the monotonic clock
    allowed: Mapping[str, str] | None = None  # set by apply(plan): key -> fingerprint
    changes: list[Change] | None = None  # set by plan(): collected instead of written
    on_progress: Callable[[Progress], None] | None = None
    known_before: int = 0
    money: Decimal = Decimal(0)
    only_target: str = ""
    stream: int = 0
    group_stream: int = 0
    edges: dict[str, hashlib._Hash] = field(default_factory=dict)  # target instance -> hash begun with the flow edge
    matchers: dict[str, Matcher] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)  # records whose system asked to come back later, once too often
    refused: set[str] = field(default_factory=set)
    recovered: set[str] = field(default_factory=set)  # records whose creation was found by its key in this pass
    finished: int = 0  # updates of those: they end what was allowed when it began
    owned: dict[type[Entity], frozenset[str]] = field(default_factory=dict)
    sent: tuple[type[Entity], AbstractSet[str], frozenset[str]] = (Entity, frozenset(), frozenset())

    @property
    def is_planning(self) -> bool:
        """Whether changes are collected instead of written."""
        return self.changes is not None

    @property
    def work_stream(self) -> int:
        """The stream whose rows are linked to targets: groups in a grouped flow, else the source."""
        return self.group_stream if self.flow.is_grouped else self.stream

    def source_ref(self, key: str) -> Ref:
        """Return the ref of a source record."""
        return Ref(self.source.name, self.flow.source[1], key)

    def target_ref(self, system: str, key: str) -> Ref:
        """Return the ref of a target record."""
        return Ref(system, self.flow.target[1], key)

    def system_for(self, entity: Any) -> str:
        """Return which target instance takes *entity*."""
        if self.flow.route is None:
            return self.only_target
        name = self.flow.route(entity)
        if name not in self.targets:
            msg = f"flow {self.flow.name} routes a record to {name}, which does not play the role {self.flow.target[0]}"
            raise ConfigurationError(msg, hint=f"instances with that role: {', '.join(self.targets)}")
        return name

    def key_for(self, system: str, key: str, part: str = "") -> str:
        """Return the create key of the effect of a source record in *system*."""
        begun = self.edges.get(system)
        if begun is None:
            kinds = f"{self.flow.source[1]}>{self.flow.target[1]}"
            edge = f"{self.flow.name}|{self.source_id}|{self.target_ids[system]}|{kinds}"
            begun = self.edges[system] = hashlib.sha1(_NAMESPACE + edge.encode(), usedforsecurity=False)
        return _uuid5(begun, key, part)

    def matcher(self, system: str) -> Matcher:
        """Return the matcher of one target instance."""
        found = self.matchers.get(system)
        if found is None:
            found = self.matchers[system] = Matcher(
                self.ledger,
                self.targets[system],
                self.flow.target[1],
                keys=self.flow.match,
                flow=self.flow.name,
                source=self.source_ref(""),
            )
        return found

    def owned_fields(self, model: type[Entity]) -> frozenset[str]:
        """Return the fields of *model* that this flow writes."""
        found = self.owned.get(model)
        if found is None:
            every = frozenset(model.model_fields) - {"ref", "version"}
            found = self.owned[model] = every if self.flow.owns is None else every & self.flow.owns
        return found

    def fields_to_send(self, wanted: Entity) -> frozenset[str]:
        """Return the fields of *wanted* that were set and that this flow writes."""
        model, given = type(wanted), wanted.model_fields_set
        if self.sent[0] is not model or self.sent[1] != given:
            # records of one page mostly set the same fields: one set for all of them
            self.sent = (model, given, self.owned_fields(model) & given)
        return self.sent[2]

    def progress(self, stage: str, done: int, total: int | None = None) -> None:
        """Tell whoever watches."""
        if self.on_progress:
            self.on_progress(Progress(self.flow.name, stage, done, total))

    # ------------------------------------------------------------------ guards

    def check_lease(self) -> None:
        """
        Stop before a byte leaves when the lease may have run out, or somebody cancelled.

        Raises:
            FlowError: The lease ran out, or the run was cancelled; planned work stays in the ledger.
        """
        if self.cancel.is_set:
            msg = f"flow {self.flow.name} was cancelled"
            raise FlowError(msg, hint="run it again: it goes on where it stopped", report=self.report)
        if self.lease and self.clock.monotonic() >= self.lease_ends:
            msg = f"the lease of flow {self.flow.name} ran out before the next request"
            raise FlowError(msg, hint="run it again: it goes on where it stopped", report=self.report)

    def renew_lease(self) -> None:
        """Move the end of the lease; called inside transactions."""
        if self.lease:
            self.lease = self.ledger.leases.renew(self.lease, now=self.now(), seconds=_LEASE_SECONDS)
            self.lease_ends = self.clock.monotonic() + _LEASE_SECONDS

    def begin(self) -> None:
        """
        Become the one runner of this flow, and note that the run starts.

        Raises:
            LeaseHeldError: Somebody else is.
        """
        with self.ledger.transaction():
            self.lease = self.ledger.leases.take(self.flow.name, self.actor, now=self.now(), seconds=_LEASE_SECONDS)
            self.run = self.ledger.begin_run(self.flow.name, self.actor, self.now())
        self.lease_ends = self.clock.monotonic() + _LEASE_SECONDS

    def sleep(self, seconds: float) -> None:
        """
        Wait in short naps: a long wait must keep the lease and hear a cancellation.

        Raises:
            FlowError: The run was cancelled.
            LeaseHeldError: Another runner took over.
        """
        end = self.now() + seconds
        while self.now() < end:
            self.clock.sleep(min(20.0, end - self.now()))
            self.check_lease()
            with self.ledger.transaction():
                self.renew_lease()

    def now(self) -> float:
        """Return seconds since the epoch by the given clock."""
        return self.clock.now().timestamp()

    def check_ceilings(self, creates: int, updates: int, deletes: int, money: Decimal) -> None:
        """
        Stop before a page is planned that would go beyond what the flow allows.

        Raises:
            CeilingError: Nothing of the page was recorded or written.
        """
        ceilings = self.flow.ceilings
        counts = self.report.counts
        done = {
            "creates": counts["created"] + creates,
            "updates": max(0, counts["updated"] + updates - self.finished),
            "deletes": counts["deleted"] + deletes,
        }
        for what, number in done.items():
            limit = getattr(ceilings, what)
            if limit is not None and number > limit:
                self._refuse(f"{number} {what}, allowed are {limit}")
        touched = done["updates"] + done["deletes"]
        if ceilings.percent is not None and self.known_before >= _SMALL and not self.flow.is_grouped:
            share = 100.0 * touched / self.known_before
            if share > ceilings.percent:
                self._refuse(
                    f"changes to {share:.0f} % of {self.known_before} known records, allowed are {ceilings.percent:g} %"
                )
        self.money = exact_sum((self.money, money))
        if ceilings.money is not None and self.money > ceilings.money:
            self._refuse(f"postings of {self.money:,}, allowed are {ceilings.money:,}")

    def _refuse(self, what: str) -> None:
        if self.is_planning or self.allowed is not None:
            return  # a plan shows it; applying a plan is the consent
        msg = f"flow {self.flow.name} would make {what}; it stopped before that"
        name = self.flow.name
        hint = f"look at 'periferia-link plan {name}', then apply the plan or raise [flows.{name}.ceilings]"
        raise CeilingError(msg, hint=hint, report=self.report)
