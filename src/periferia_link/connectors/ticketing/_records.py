"""Rows of one kind as the domain knows them, and entities as the server takes them; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.ticketing._events import Events
from periferia_link.connectors.ticketing._paths import PARENT, first_set, look_up, put, top_member
from periferia_link.connectors.ticketing._values import Values, kind_of_value
from periferia_link.connectors.ticketing.profile import FieldRules, KindRules, TicketProfile
from periferia_link.domain import KINDS, Entity, Instant, Money, TaxId
from periferia_link.errors import RecordInvalidError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Records", "UnreadableError", "key_text", "reasons"]

HASH = "@hash"
_MARK = re.compile(r"\s*\[periferia-link ([0-9a-f-]{36})\]\s*\Z")
_MOMENT: TypeAdapter[datetime | None] = TypeAdapter(Instant | None)


class UnreadableError(ValueError):
    """A row that does not fit its profile; the text names columns and no value."""


class _Field(NamedTuple):
    name: str
    rules: FieldRules
    values: Values


class Records:
    """
    One kind of one profile in one installation.

    Args:
        kind: Name of the kind.

        profile: The whole description.

        columns: Paths of this installation, where they differ from the profile's.

        shaped: Last word on a row before it is decoded (:meth:`TicketHooks.row`).
    """

    def __init__(
        self,
        kind: str,
        profile: TicketProfile,
        columns: KindMap,
        *,
        shaped: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    ) -> None:
        self.kind = kind
        self.rules: KindRules = profile.kinds[kind]
        self.columns = columns
        self.model = KINDS[kind]
        self._profile = profile
        self._shaped = shaped
        self._fields = [self._field(name, rules) for name, rules in self._chosen()]
        self._custom = [self._custom_field(name, rules) for name, rules in self.rules.custom.items()]
        self._events = Events(self.rules.events, self._words("status"), self._words("priority"), profile.times)
        write = self.rules.write
        self._in_text = write.reference if write.reference_in == "text" else None

    def _chosen(self) -> Iterable[tuple[str, FieldRules]]:
        """Pair each field with its rules, a column of this installation instead of the profile's path."""
        for name, rules in self.rules.fields.items():
            if rules.const is not None:
                yield name, rules
            elif name in self.columns.columns:
                path = self.columns.columns[name]
                is_own = rules.paths[0] != path
                yield name, rules.model_copy(update={"path": path, "write": None}) if is_own else rules
        for name, path in self.columns.columns.items():
            if name not in self.rules.fields:
                yield name, FieldRules(path=path)

    def _field(self, name: str, rules: FieldRules) -> _Field:
        reading = rules.as_ or kind_of_value(self.model, name)
        words = self._profile.map[rules.map] if rules.map else None
        target = name.capitalize() if name.capitalize() in KINDS else name
        return _Field(name, rules, Values(rules, reading, self._profile.times, words, target))

    def _custom_field(self, name: str, rules: FieldRules) -> _Field:
        words = self._profile.map[rules.map] if rules.map else None
        return _Field(name, rules, Values(rules, rules.as_ or "raw", self._profile.times, words))

    def _words(self, name: str) -> Values | None:
        found = next((field for field in self._fields if field.name == name), None)
        return found.values if found else None

    @property
    def members(self) -> tuple[str, ...]:
        """Members of a row that are asked for where fields are selected; each once, the key first."""
        paths = [self.rules.key, self.rules.version, self.rules.updated, self.rules.deleted]
        for field in (*self._fields, *self._custom):
            paths += [*field.rules.paths, *(when.path for when in field.rules.when)]
            paths.append(field.rules.currency)
        paths += [*self.columns.extra, *self.rules.where]
        if self.rules.nested is not None:
            paths = [self.rules.nested, *(path[1:] for path in paths if path and path.startswith(PARENT))]
        if self.rules.events is not None and self.rules.events.path is None:
            paths.append(self.rules.events.rows)
        if self.rules.write.reference is not None and "create" in self.rules.write.modes:
            paths.append(self.rules.write.reference)
        tops = [top_member(path) for path in paths if path and path != HASH]
        return tuple(dict.fromkeys([*(top for top in tops if top), *self.rules.listing.fields]))

    # ------------------------------------------------------------------ rows

    def belongs(self, row: Mapping[str, Any]) -> bool:
        """Whether the row is of this kind: a comment without time is no work log."""
        return all(look_up(row, path) not in (None, "", False, 0, "00:00:00") for path in self.rules.where)

    def key(self, row: Mapping[str, Any]) -> str | None:
        """Return the id, or ``None`` where it has none; a nested row is named after its parent, too."""
        own = key_text(look_up(row, self.columns.key))
        if own is None or (self.rules.nested is None and self.rules.under is None):
            return own
        above = key_text(look_up(row, f"{PARENT}{self.rules.parent_key}"))
        return None if above is None else f"{above}/{own}"

    def version(self, row: Mapping[str, Any]) -> str | None:
        """Return the revision: the server's own, or a fingerprint of the row."""
        path = self.rules.version
        if path is None:
            return None
        if path != HASH:
            return key_text(look_up(row, path))
        kept = {name: value for name, value in row.items() if name not in self.rules.volatile}
        text = json.dumps(kept, sort_keys=True, default=str, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def is_deleted(self, row: Mapping[str, Any]) -> bool:
        """Whether the row is a tombstone."""
        return self.rules.deleted is not None and bool(look_up(row, self.rules.deleted))

    def updated(self, row: Mapping[str, Any]) -> datetime | None:
        """Return the time of the last change; what is none is refused when the row is decoded, not here."""
        if self.rules.updated is None:
            return None
        field = Values(FieldRules(path=self.rules.updated), "time", self._profile.times)
        try:
            return _MOMENT.validate_python(field.read(look_up(row, self.rules.updated), ""))
        except (ValueError, TypeError, OverflowError):
            return None

    def reference(self, row: Mapping[str, Any]) -> str | None:
        """Return our key that the row keeps."""
        path = self.rules.write.reference
        value = None if path is None else look_up(row, path)
        if self._in_text is None:
            return key_text(value)
        found = _MARK.search(value) if isinstance(value, str) else None
        return found.group(1) if found else None

    def value(self, row: Mapping[str, Any], name: str, path: str | None) -> str | None:
        """Return the text by which the row is found."""
        if path is not None:
            return key_text(look_up(row, path))
        field = next(field for field in self._fields if field.name == name)
        raw = first_set(row, field.rules.paths)
        try:
            found = None if raw is None else field.values.read(raw, "")
        except (ValueError, TypeError, ArithmeticError):
            return None
        return found.number if isinstance(found, TaxId) else key_text(found)

    # ------------------------------------------------------------------ wire to domain

    def entity(self, row: Any, system: str) -> Entity:
        """
        Make the entity of a row.

        Raises:
            UnreadableError: The row does not fit; the text names the column and no value.
        """
        if not isinstance(row, Mapping):
            msg = "it is no JSON object"
            raise UnreadableError(msg)
        if self._shaped is not None:
            row = self._shaped(row)
        values = {field.name: found for field in self._fields if (found := self._read(field, row, system)) is not None}
        if self.rules.events is not None:
            values["events"] = self._read_events(row, values)
        values["ref"] = (system, self.kind, self.key(row))
        values["version"] = self.version(row)
        values["custom"] = self._read_custom(row, system)
        try:
            return self.model.model_validate(values)
        except ValidationError as exc:
            reason = reasons(exc, self.columns.columns)
        # outside the handler: the exceptions of parsers carry the values, and with them personal data
        raise UnreadableError(reason)

    def _read(self, field: _Field, row: Mapping[str, Any], system: str) -> Any:
        rules = field.rules
        if rules.const is not None:
            return rules.const
        for when in rules.when:
            if look_up(row, when.path) == when.is_:
                return when.value
        raw = first_set(row, rules.paths)
        if raw in (None, ""):  # an empty text says no more than null
            return None
        if isinstance(raw, str) and self._in_text in rules.paths:
            raw = _MARK.sub("", raw) or None
            if raw is None:
                return None
        try:
            if field.values.reading == "money":
                return self._money(field, row, raw)
            return field.values.read(raw, system)
        except (ValueError, TypeError, ArithmeticError) as exc:
            reason = str(exc) if type(exc).__module__.startswith("periferia_link") else "not valid"
        msg = f"{rules.paths[0]}: {reason}"
        raise UnreadableError(msg)

    def _money(self, field: _Field, row: Mapping[str, Any], raw: Any) -> Money:
        currency = None if field.rules.currency is None else look_up(row, field.rules.currency)
        return Money.of(raw if isinstance(raw, int) else str(raw), str(currency))

    def _read_custom(self, row: Mapping[str, Any], system: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in self._custom:
            top = top_member(field.rules.paths[0])
            if field.rules.const is not None or top is None or top in row:
                found[field.name] = self._read(field, row, system)
        return found | self.columns.custom(row)

    def _read_events(self, row: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
        try:
            return self._events.read(row, opened_at=values.get("opened_at"))
        except (ValueError, TypeError, AttributeError) as exc:
            reason = str(exc) if type(exc).__module__.startswith("periferia_link") else "not valid"
        msg = f"{self._events.place}: {reason}"
        raise UnreadableError(msg)

    # ------------------------------------------------------------------ domain to wire

    def body(self, entity: Entity, fields: Iterable[str], *, reference: str | None = None) -> dict[str, Any]:
        """
        Return the record to send: the named fields, and our key in a record that is created.

        Raises:
            RecordInvalidError: The server has no word for a value, or would cut a text.
        """
        named = set(fields)
        record: dict[str, Any] = {}
        for field in self._fields:
            if field.name in named:
                self._put(record, field, getattr(entity, field.name))
        if "custom" in named:
            for field in self._custom:
                if field.name in entity.custom:
                    self._put(record, field, entity.custom[field.name])
            record |= {column: entity.custom[column] for column in self.columns.extra if column in entity.custom}
        if reference is not None and self.rules.write.reference is not None:
            self.mark(record, reference)
        return record

    def mark(self, record: dict[str, Any], reference: str) -> None:
        """Put our key into a record that is sent."""
        path = self.rules.write.reference
        if path is None:
            return
        if self._in_text is None:
            put(record, path, reference)
        else:
            put(record, path, f"{look_up(record, path) or ''}\n\n[periferia-link {reference}]".lstrip())

    def touches_mark(self, record: Mapping[str, Any]) -> bool:
        """Whether a change would overwrite the text that keeps our key."""
        return self._in_text is not None and look_up(record, self._in_text) is not None

    def _put(self, record: dict[str, Any], field: _Field, value: Any) -> None:
        rules = field.rules
        if rules.write is False or rules.const is not None:
            return
        path = rules.write or rules.paths[0]
        if not path or path.startswith(PARENT):
            return
        if isinstance(value, Money):
            if rules.currency is not None:
                put(record, rules.currency, value.currency)
            value = value.amount
        try:
            wire = field.values.write(value)
        except (ValueError, TypeError, ArithmeticError) as exc:
            reason = str(exc) if type(exc).__module__.startswith("periferia_link") else "not valid"
            msg = f"{field.name} cannot be written: {reason}"
            raise RecordInvalidError(msg, hint="add the word to the profile, or correct the value") from None
        if rules.longest is not None and isinstance(wire, str) and len(wire) > rules.longest:
            msg = f"{field.name} has {len(wire)} characters, and the server would cut it at {rules.longest}"
            raise RecordInvalidError(msg, hint="shorten it in the source system")
        if isinstance(wire, Mapping):
            for member, inner in wire.items():
                put(record, member, inner)
        else:
            put(record, path, wire)


def key_text(value: Any) -> str | None:
    """Return an id as text: it is a number in some installations."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def reasons(error: ValidationError, columns: Mapping[str, str]) -> str:
    """Say which columns do not fit and why, without a value: it may be personal."""
    wrong = []
    for fault in error.errors(include_input=False, include_context=False, include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else "the record"
        # validators of ours may quote the value, those of pydantic do not
        why = "not valid" if fault["type"] == "value_error" else fault["msg"]
        wrong.append(f"{columns.get(name, name)}: {why}")
    return "; ".join(wrong)
