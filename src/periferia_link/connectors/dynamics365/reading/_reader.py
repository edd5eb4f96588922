"""Rows of the environment: pulled, read by id, looked up, decoded."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from periferia_link.connectors._field_map import FieldMap
from periferia_link.connectors.base import Page, Row
from periferia_link.connectors.dynamics365._options import Options
from periferia_link.connectors.dynamics365.kinds import Codec
from periferia_link.connectors.dynamics365.kinds._columns import ETAG, guid, guids, reasons
from periferia_link.connectors.dynamics365.kinds._labels import LABEL
from periferia_link.connectors.dynamics365.kinds._links import LOOKUP_TABLE, Terms
from periferia_link.connectors.dynamics365.kinds._maps import SURVEY_COLUMNS
from periferia_link.connectors.dynamics365.reading._customer_voice import CustomerVoice
from periferia_link.connectors.dynamics365.reading._feed import Place
from periferia_link.connectors.dynamics365.reading._finding import answered, chunked, is_askable, spellings
from periferia_link.connectors.dynamics365.reading._pull import pages
from periferia_link.connectors.dynamics365.reading._several import read_places, write_places
from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.domain import Ref
from periferia_link.errors import ContractBrokenError, ExpiredCursorError, RecordInvalidError
from periferia_link.transport._json import NotJsonError, claims, record_of
from periferia_link.transport._odata import any_of, query

if TYPE_CHECKING:
    from pydantic import ValidationError

    from periferia_link.domain import Entity

__all__ = ["Reader"]

_NOWHERE: Final = str(uuid.UUID(int=0))


class Reader:
    """
    Reads the tables of one environment; thread-safe.

    Args:
        api: Whom to ask.

        fields: Columns of the installation.

        codecs: How each map is read.

        options: Page size, overlap, labels.

        now: The current instant.
    """

    def __init__(
        self,
        api: WebApi,
        fields: FieldMap,
        codecs: Mapping[str, Codec],
        options: Options,
        now: Callable[[], datetime],
    ) -> None:
        self._terms = Terms(currency=options.currency, navigation=options.navigation)
        self._decoders: dict[str, Callable[[Mapping[str, Any]], Entity]] = {}
        self._api = api
        self._fields = fields
        self._codecs = codecs
        self._options = options
        self._now = now

    @property
    def terms(self) -> Terms:
        """What rows and bodies depend on beside the columns."""
        return self._terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        if terms != self._terms:
            self._terms, self._decoders = terms, {}

    # ------------------------------------------------------------------ pull

    def pull(self, feeds: Mapping[str, str], since: str | None) -> Iterator[Page]:
        """
        List the rows of one kind.

        Args:
            feeds: ``delta`` or ``watermark`` by the maps of the kind, its own first.

            since: A cursor, or ``None`` for everything.

        Raises:
            ExpiredCursorError: The cursor is of another feed, or the environment forgot it.
            ConnectorError: Anything else that the environment refused.
        """
        names = list(feeds)
        places = {} if since is None else read_places(since, names, self._api.system)
        for name, place in places.items():
            if place.feed != feeds[name]:
                msg = f"changes of {name} come by {feeds[name]} now"
                raise ExpiredCursorError(msg, hint="everything is read once more", system=self._api.system)
        pulled = {name: self._pages(name, feeds[name], places.get(name)) for name in names}
        if len(names) == 1:
            return pulled[names[0]]
        return write_places(pulled, {name: str(place) for name, place in places.items()}, is_scan=since is None)

    def _pages(self, name: str, feed: str, place: Place | None) -> Iterator[Page]:
        begun = place or Place("delta" if feed == "delta" else "watermark", tracking=feed == "delta")
        found = pages(
            self._api,
            self._fields[name],
            begun,
            options=self._options,
            is_scan=place is None,
            rows_of=self.rows_of(name),
            now=self._now,
            prefer=self.annotations(name),
        )
        if "." not in name:
            return found
        before = f"{self._fields[name].table}/"
        return (page._replace(deleted=[before + key for key in page.deleted]) for page in found)

    def annotations(self, name: str) -> str | None:
        """Return the preference for what stands beside the columns: targets of lookups, labels."""
        wanted = [LOOKUP_TABLE[1:]] if self._codecs[name].has_choices_of_target else []
        if self._options.labels:
            wanted.append(LABEL[1:])
        return f'odata.include-annotations="{",".join(wanted)}"' if wanted else None

    # ------------------------------------------------------------------ rows

    def row(self, name: str, record: Mapping[str, Any], match: str | None = None) -> Row:
        """
        Make a row of a record of the wire.

        Raises:
            ContractBrokenError: It has no key.
        """
        return self.rows_of(name)([record])[0]._replace(match=match)

    def rows_of(self, name: str) -> Callable[[Sequence[Mapping[str, Any]]], list[Row]]:
        """Return what makes rows of the records of one table."""
        columns, system = self._fields[name], self._api.system
        column, before, new = columns.key, f"{columns.table}/" if "." in name else "", tuple.__new__
        voice = CustomerVoice(self._api, columns) if columns.table == SURVEY_COLUMNS.table else None

        def rows(records: Sequence[Mapping[str, Any]]) -> list[Row]:
            records = claims(records if voice is None else voice.completed(records), column)
            keys = guids([record.get(column) for record in records])
            if None in keys:
                msg = f"a row of {columns.table} has no {column}"
                raise ContractBrokenError(msg, hint="check table and key in the fields of the system", system=system)
            versions = [version if isinstance(version := record.get(ETAG), str) else None for record in records]
            # a third of the time of Row(...), which counts for pages of 5,000
            return [
                new(Row, (f"{before}{key}", version, record, None, None))
                for key, version, record in zip(keys, versions, records, strict=True)
            ]

        return rows

    def placed(self, kind: str, key: str, names: Sequence[str]) -> tuple[str, str | None]:
        """Return the map and the GUID of a key: a kind of several tables says which one in front of it."""
        table, slash, rest = key.rpartition("/")
        if slash:
            name = next((name for name in names if "." in name and self._fields[name].table == table), kind)
            return name, guid(rest)
        return kind, guid(key)

    def decode(self, kind: str, names: Sequence[str], row: Row) -> Entity:
        """
        Make an entity of a row.

        Raises:
            RecordInvalidError: The row does not fit the model; the message names the columns and no value.
        """
        name = kind if len(names) == 1 else self.placed(kind, row.key, names)[0]
        hint: str | None = "correct it in the CRM"
        try:
            entity = self._decoder(name)(record_of(row.body))
        except _unfit() as exc:
            reason = reasons(exc, self._fields[name])
        except RecordInvalidError as exc:
            reason, hint = exc.message, exc.hint
        except (NotJsonError, AttributeError, TypeError):
            reason = "it is no JSON object"
        else:
            return entity if "." not in name else _renamed(entity, row.key)
        # outside the handlers: the exceptions of parsers carry the values, and with them personal data
        msg = f"{kind} {row.key} cannot be read: {reason}"
        ref = Ref(self._api.system, kind, row.key)
        raise RecordInvalidError(msg, hint=hint, system=self._api.system, operation="decode", ref=ref)

    def _decoder(self, name: str) -> Callable[[Mapping[str, Any]], Entity]:
        decoder = self._decoders.get(name)
        if decoder is None:
            decoder = self._decoders[name] = self._codecs[name].decoder(self._fields, self._api.system, self._terms)
        return decoder

    # ------------------------------------------------------------------ get, find

    def get(self, kind: str, names: Sequence[str], ids: Sequence[str]) -> list[Row]:
        """
        Read records by id, many in one request; missing ones are absent.

        Raises:
            ConnectorError: The environment refused.
        """
        wanted: dict[str, list[str]] = {}
        order: list[str] = []
        for each in dict.fromkeys(ids):
            name, key = self.placed(kind, each, names)
            # what is no GUID is no id here; the nil GUID stands for it, so the question is asked all the same
            wanted.setdefault(name, []).append(key or _NOWHERE)
            order.append(f"{self._fields[name].table}/{key}" if "." in name else key or _NOWHERE)
        found = {
            row.key: row
            for name, keys in wanted.items()
            for row in self.where(name, self._fields[name].key, list(dict.fromkeys(keys)))
        }
        return [found[key] for key in dict.fromkeys(order) if key in found]

    def created(self, names: Sequence[str], keys: Sequence[str]) -> list[Row]:
        """
        Read what creates made, by their create_key, in every table of a kind.

        Raises:
            ConnectorError: The environment refused.
        """
        asked = {guid(key) or key: key for key in keys}
        wanted = [key for key in asked if guid(key)] or [_NOWHERE] * bool(asked)
        rows = (row for name in names for row in self.where(name, self._fields[name].key, wanted))
        return [row._replace(match=asked[key]) for row in rows if (key := row.key.rpartition("/")[2]) in asked]

    def find(self, names: Sequence[str], field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by number, name, e-mail or tax id, in every table of a kind that has a column for it.

        Raises:
            ConnectorError: The environment refused.
        """
        wanted = [value for value in dict.fromkeys(values) if is_askable(value)]
        spelled = dict.fromkeys(text for value in wanted for text in spellings(field, value) if is_askable(text))
        found: dict[str, Row] = {}
        for name in names:
            column = self._fields[name].columns.get(field)
            if column is None:
                continue
            for row in self.where(name, column, list(spelled)):
                match = answered(field, _held(row, column), wanted)
                if match is not None:
                    found[row.key] = row._replace(match=match)
        return list(found.values())

    def where(self, name: str, column: str, values: Sequence[str]) -> Iterator[Row]:
        """
        Read the rows whose column holds one of the values, in as few requests as a URL allows.

        Raises:
            ConnectorError: The environment refused.
        """
        columns = self._fields[name]
        for chunk in chunked(values):
            wanted = [uuid.UUID(value) for value in chunk] if column == columns.key else chunk
            path = query(columns.table, select=columns.select, filter=any_of(column, wanted))
            for records in self._api.pages(path, prefer=self.annotations(name)):
                yield from self.rows_of(name)(records)


@functools.cache
def _unfit() -> type[ValidationError]:
    """Return what a model raises; its library is loaded with the first model."""
    from pydantic import ValidationError  # noqa: PLC0415 - see above

    return ValidationError


def _held(row: Row, column: str) -> object:
    """Return what a row of the wire holds in a column."""
    return row.body.get(column) if isinstance(row.body, Mapping) else None


def _renamed(entity: Entity, key: str) -> Entity:
    """Let an entity refer to itself by the key of its row, which says its table."""
    ref = entity.ref
    return entity if ref is None else entity.model_copy(update={"ref": ref._replace(id=key)})
