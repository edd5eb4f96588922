"""A whole system in memory: full capabilities, for scripts, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from periferia_link.connectors.base import (
    Applied,
    Capabilities,
    Connector,
    NotApplied,
    Outcome,
    Page,
    Row,
    SystemInfo,
    Unknown,
    Write,
)
from periferia_link.domain import Entity, Ref
from periferia_link.errors import (
    ConfigurationError,
    ConnectorError,
    ExpiredCursorError,
    OutcomeUnknownError,
    RecordConflictError,
    RecordInvalidError,
    RecordNotFoundError,
    ThrottledError,
    UnavailableError,
)

__all__ = ["MemoryConnector"]

_ORIGIN = {"ref", "version"}
_SEARCHED = frozenset({"code", "external_ref", "name", "number"})
_Fault = Literal["lost-before", "lost-after", "refuse", "throttle", "read-lost", "read-throttle"]


class MemoryConnector(Connector):
    """
    Records in a dictionary behind the five verbs: delta feed, deletions, chosen keys, preconditions, batches.

    Args:
        name: Instance name.

        kinds: Entity classes that the system holds.

        records: Entities that are there from the start; those with a ``ref`` keep its id, the others get a number.

        page_size: Rows a page.

        guard: What protects creates: ``server-key``, ``marker`` (a stored key that is searched), ``none``.

        feed: ``delta`` reports changes and deletions, ``scan`` lists everything every time.

        max_batch: Writes in one request.

        is_atomic: Whether one refusal refuses the whole request.

        system_id: Identity of the installation.
    """

    product: ClassVar[str] = "memory"

    def __init__(
        self,
        name: str,
        kinds: Iterable[type[Entity]],
        records: Iterable[Entity] = (),
        *,
        page_size: int = 500,
        guard: Literal["server-key", "marker", "none"] = "server-key",
        feed: Literal["delta", "scan"] = "delta",
        max_batch: int = 1000,
        is_atomic: bool = False,
        parallel: int = 1,
        system_id: str | None = None,
    ) -> None:
        self.name = name
        self.deadline = 30.0
        self._models = {model.kind(): model for model in kinds}
        self._page_size = page_size
        self._system_id = system_id or f"memory-{name}"
        self._rows: dict[str, dict[str, tuple[int, bytes]]] = {kind: {} for kind in self._models}
        self._gone: dict[str, dict[str, int]] = {kind: {} for kind in self._models}
        self._keys: dict[tuple[str, str], list[str]] = {}
        self._counter = 0
        self._faults: list[_Fault] = []
        self._read_faults: list[_Fault] = []
        self.reads = 0
        """How many pages, gets and finds were asked for."""
        self.requests: list[tuple[str, str, int]] = []
        """Every write request that arrived: (kind, mode of its first write, number of writes)."""
        abilities = Capabilities(
            feed=feed,
            version_covers_fields=True,
            reports_deletions=feed == "delta",
            writes=frozenset({"create", "update", "delete"}),
            create_guard=guard,
            concurrency="precondition",
            max_batch=max_batch,
            is_atomic=is_atomic,
            parallel=parallel,
        )
        self._capabilities = {
            kind: replace(abilities, find_fields=_SEARCHED & set(model.model_fields))
            for kind, model in self._models.items()
        }
        for entity in records:
            self.put(entity)

    # ------------------------------------------------------------------ for tests: what a person does in that system

    def put(self, entity: Entity) -> Ref:
        """Store *entity* as a person would; returns its ref."""
        kind = entity.kind()
        key = entity.ref.id if entity.ref else str(len(self._rows[kind]) + len(self._gone[kind]) + 1)
        self._gone[kind].pop(key, None)
        self._store(kind, key, _body(entity))
        return Ref(self.name, kind, key)

    def change(self, ref: Ref, **fields: Any) -> None:
        """Change fields of a record as a person would."""
        body = from_json(self._rows[ref.kind][ref.id][1])
        model = self._models[ref.kind]
        merged = model.model_validate({**body, **fields})
        self._store(ref.kind, ref.id, _body(merged))

    def drop(self, ref: Ref) -> None:
        """Delete a record as a person would."""
        del self._rows[ref.kind][ref.id]
        self._counter += 1
        self._gone[ref.kind][ref.id] = self._counter

    def holds(self, kind: str) -> list[Any]:
        """Return every record of *kind*, decoded, in key order."""
        return [self.decode(kind, self._row(kind, key)) for key in sorted(self._rows[kind])]

    def fail(self, *faults: _Fault) -> None:
        """
        Queue faults for the next requests.

        For writes: ``lost-before``: no answer, nothing done; ``lost-after``: no answer, all done; ``refuse``: refused
        whole; ``throttle``: asked to wait a second. For pages, gets and finds: ``read-lost``: no answer;
        ``read-throttle``: asked to wait a second.
        """
        self._read_faults.extend(fault for fault in faults if fault.startswith("read-"))
        self._faults.extend(fault for fault in faults if not fault.startswith("read-"))

    # ------------------------------------------------------------------ the five verbs

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """What works, by kind."""
        return self._capabilities

    def check(self) -> SystemInfo:
        """
        Say who we are.

        Raises:
            ConnectorError: Never; a memory is always there.
        """
        return SystemInfo(system_id=self._system_id, product=self.product, version="1", identity="memory")

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List records, or what changed since a cursor.

        Raises:
            ConfigurationError: The kind is not held.
            ExpiredCursorError: The cursor is none of ours.
            TransientError: A fault is due.
        """
        feed = self.supports(kind).feed
        rows = self._rows[kind]
        if since is not None and not since.isdecimal():
            msg = "this cursor was not made here"
            raise ExpiredCursorError(msg, system=self.name, hint="everything is read again")
        after = int(since) if since else 0
        if since is None or feed == "scan":
            keys, gone = list(rows), []
        else:
            keys = [key for key, (number, _) in rows.items() if number > after]
            gone = [key for key, number in self._gone[kind].items() if number > after]
        cursor = str(self._counter) if feed == "delta" else None
        size = self._page_size
        starts = range(0, len(keys), size) or range(1)
        for start in starts:
            self._suffer()
            is_last = start + size >= len(keys)
            page = [self._row(kind, key) for key in keys[start : start + size] if key in rows]
            yield Page(page, gone if is_last else (), cursor if is_last else None, is_last, since is None)

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make the entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model.
        """
        self.supports(kind)
        assert isinstance(row.body, bytes)  # noqa: S101 - this connector stores bytes
        try:
            values = from_json(row.body)
            # a reference that is one already costs the model nothing, and its own method adds a quarter
            values["ref"], values["version"] = Ref(self.name, kind, row.key), row.version
            entity: Entity = self._models[kind].__pydantic_validator__.validate_python(values)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            msg = f"{kind} {row.key}: {where}: {first['msg']}"
            raise RecordInvalidError(msg, system=self.name, hint=f"correct {where} there") from None
        except (TypeError, ValueError) as exc:
            msg = f"{kind} {row.key} is not readable"
            raise RecordInvalidError(msg, system=self.name, hint="correct the record there") from exc
        return entity

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id.

        Raises:
            ConfigurationError: The kind is not held.
        """
        self.supports(kind)
        self._suffer()
        return [self._row(kind, key) for key in dict.fromkeys(ids) if key in self._rows[kind]]

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a field or by ``create_key``.

        Raises:
            ConfigurationError: The kind is not held.
        """
        abilities = self.supports(kind)
        if field != "create_key" and field not in abilities.find_fields:
            msg = f"{self.name} does not search {kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(abilities.find_fields))}")
        self._suffer()
        if field == "create_key":
            return [
                self._row(kind, key)._replace(match=value)
                for value in values
                for key in self._made_by(kind, value)
                if key in self._rows[kind]
            ]
        wanted = set(values)
        found = []
        for key, (_, body) in self._rows[kind].items():
            value = from_json(body).get(field)
            if isinstance(value, str) and value in wanted:
                found.append(self._row(kind, key)._replace(match=value))
        return found

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Apply writes, one outcome each.

        Raises:
            ConfigurationError: More writes than ``max_batch``.
        """
        abilities = self.supports(kind)
        if not writes:
            return []
        if len(writes) > abilities.max_batch:
            msg = f"{len(writes)} writes in one request, {abilities.max_batch} are possible"
            raise ConfigurationError(msg, hint="the engine makes the chunks; scripts write fewer at a time")
        self.requests.append((kind, writes[0].mode, len(writes)))
        fault = self._faults.pop(0) if self._faults else None
        if fault == "lost-before":
            return [self._lost()] * len(writes)
        if fault == "refuse":
            refusal = RecordInvalidError("refused", system=self.name, hint="correct it")
            return [NotApplied(refusal)] * len(writes)
        if fault == "throttle":
            return [NotApplied(self._throttled(), 1.0)] * len(writes)
        outcomes: list[Outcome] = [
            self._create(kind, write) if write.mode == "create" else self._change(kind, write) for write in writes
        ]
        return [self._lost()] * len(writes) if fault == "lost-after" else outcomes

    # ------------------------------------------------------------------ inside

    def _suffer(self) -> None:
        """Count a read, and play the next fault of one if it is due."""
        self.reads += 1
        if self._read_faults:
            if self._read_faults.pop(0) == "read-throttle":
                raise self._throttled()
            msg = "no answer came"
            raise UnavailableError(msg, system=self.name, hint="try again")

    def _throttled(self) -> ThrottledError:
        return ThrottledError("slow down", system=self.name, hint="wait a second", retry_after=1.0)

    def _made_by(self, kind: str, create_key: str) -> Sequence[str]:
        if self._capabilities[kind].create_guard == "server-key":
            return (create_key,)
        return self._keys.get((kind, create_key), ())

    def _lost(self) -> Unknown:
        return Unknown(OutcomeUnknownError("no answer came", system=self.name, hint="read back"))

    def _row(self, kind: str, key: str) -> Row:
        number, body = self._rows[kind][key]
        # the constructor of a named tuple costs as much as all else here
        return tuple.__new__(Row, (key, f'W/"{number}"', body, None, None))

    def _store(self, kind: str, key: str, body: bytes) -> str:
        self._counter += 1
        self._rows[kind][key] = (self._counter, body)
        return f'W/"{self._counter}"'

    def _change(self, kind: str, write: Write) -> Outcome:
        assert write.ref is not None  # noqa: S101 - updates and deletes name their record
        key = write.ref.id
        held = self._rows[kind].get(key)
        if held is None:
            return self._refused(RecordNotFoundError, f"{write.ref} is not there")
        if write.if_version is not None and write.if_version != f'W/"{held[0]}"':
            return self._refused(RecordConflictError, f"{write.ref} changed since it was read")
        if write.mode == "delete":
            self.drop(write.ref)
            return Applied(write.ref)
        body = from_json(held[1])
        assert write.entity is not None  # noqa: S101 - so do their values
        body.update({name: value for name, value in from_json(_body(write.entity)).items() if name in write.fields})
        return Applied(write.ref, self._store(kind, key, to_json(body)))

    def _create(self, kind: str, write: Write) -> Outcome:
        abilities = self._capabilities[kind]
        if abilities.create_guard == "server-key":
            key = write.create_key
            if key in self._rows[kind]:
                # taken by an earlier attempt: only a read-back tells what that one wrote
                return Unknown(RecordConflictError(f"{kind} {key} exists", system=self.name, hint="read it back"))
        else:
            key = f"{kind}-{self._counter + 1}"
            self._keys.setdefault((kind, write.create_key), []).append(key)
        entity = write.entity
        assert entity is not None  # noqa: S101 - a create carries its entity
        given = entity.model_fields_set
        if len(write.fields) == len(given) - ("ref" in given) - ("version" in given):
            body = write.body or _body(entity)
        else:
            body = to_json({name: value for name, value in from_json(_body(entity)).items() if name in write.fields})
        version = self._store(kind, key, body)
        return Applied(Ref(self.name, kind, key), version)

    def _refused(self, error: type[ConnectorError], message: str) -> NotApplied:
        return NotApplied(error(message, system=self.name, hint="read it again"))


def _body(entity: Entity) -> bytes:
    return type(entity).__pydantic_serializer__.to_json(entity, exclude=_ORIGIN, exclude_unset=True)
