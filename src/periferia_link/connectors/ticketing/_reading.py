"""What there is of one kind on a server: all of it, what changed, some of it by id or by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from periferia_link.connectors.base import Page, Row
from periferia_link.connectors.ticketing._events import FETCHED
from periferia_link.connectors.ticketing._feed import Place
from periferia_link.connectors.ticketing._pages import Listed, pages
from periferia_link.connectors.ticketing._paths import PARENT, look_up, top_member
from periferia_link.connectors.ticketing._records import Records
from periferia_link.connectors.ticketing._requests import Line, with_query
from periferia_link.connectors.ticketing._values import moment_to_wire
from periferia_link.connectors.ticketing.profile import FindRules, PagingRules
from periferia_link.errors import ConfigurationError, ContractBrokenError
from periferia_link.transport._json import Doubtful, claims, remade
from periferia_link.typing import Clock, Response

__all__ = ["Reader"]

_AT_ONCE = 50  # values in one query: keeps the URL of ids of 40 characters below 4 kB
_FAR_FUTURE = datetime(2999, 1, 1, tzinfo=timezone.utc)

Params = Sequence[tuple[str, str]]
Record = Mapping[str, Any]


class Reader:
    """
    Reads one kind.

    Args:
        line: Speaks to the server.

        records: What the rows are like.

        parent: Reads the kind above, where every record of it has a list of these.

        clock: Source of time.

        page_size: Rows to ask for instead of what the profile says.

        overlap: Seconds of overlap instead of what the profile says.
    """

    def __init__(
        self,
        line: Line,
        records: Records,
        *,
        parent: Reader | None = None,
        clock: Clock,
        page_size: int | None = None,
        overlap: float | None = None,
    ) -> None:
        self._line = line
        self._records = records
        self._parent = parent
        self._clock = clock
        rules = records.rules
        self._paging: PagingRules = (
            rules.paging if page_size is None else rules.paging.model_copy(update={"size": page_size})
        )
        self._overlap = timedelta(seconds=rules.since.overlap if overlap is None else overlap)
        self._path = records.columns.table

    @property
    def feeds_changes(self) -> bool:
        """Whether the server can be asked for what changed."""
        rules = self._records.rules
        return rules.since.param is not None and rules.under is None and not rules.records

    # ------------------------------------------------------------------ lists

    def pull(self, since: str | None) -> Iterator[Page]:
        """
        List what there is, or what changed since a cursor.

        Raises:
            ConnectorError: The server refuses.
        """
        rules = self._records.rules
        if rules.records:
            yield Page([self._row(dict(record)) for record in rules.records], is_last=True, is_scan=True)
            return
        resumes = self.feeds_changes
        place = Place.parse(since, self._line.system) if since is not None and resumes else Place()
        params = [*self._since(place.since), *rules.listing.params.items(), *rules.listing.pull_params.items()]
        by_number = self._paging.kind != "cursor"
        began: datetime | None = None
        for listed in self._listed(params, place.page):
            began = began or _server_time(listed.answer) or self._clock.now()
            rows = [row for each in listed.rows for row in self._unfolded(each)]
            moments = [self._records.updated(row) for row in rows]
            place = place.behind(moments, listed.following, now=self._clock.now(), overlap=self._overlap)
            is_last = listed.following is None
            if is_last and by_number:
                place = place.not_behind(began, self._overlap)
            # a number or a link of unknown nature is no place to go on from days later
            cursor = str(place) if resumes and (is_last or not by_number) else None
            yield self._page(rows, cursor, is_last=is_last, is_scan=since is None or not resumes)

    def _page(self, rows: Sequence[Record], cursor: str | None, *, is_last: bool, is_scan: bool) -> Page:
        there, gone = [], []
        for row in claims(rows, self._records.columns.key):
            is_sure = not isinstance(row, Doubtful)
            if is_sure and (self._records.is_deleted(row) or not self._records.belongs(row)):
                gone.append(self._key(row))
            else:
                there.append(self._row(self._with_events(row)))
        # a comment that lost its hours is no work log any more; a scan says so by its absence
        return Page(there, gone if self._records.rules.deleted or not is_scan else (), cursor, is_last, is_scan)

    def _since(self, moment: datetime | None) -> Params:
        rules = self._records.rules.since
        if rules.param is None:
            return []
        if moment is None:
            return [(rules.param, rules.all)] if rules.all is not None else []
        text = str(moment_to_wire(moment, rules.format, rules.zone))
        return [(rules.param, rules.value.replace("{since}", text))]

    def _listed(self, params: Params, cursor: str | None = None, *, limit: int | None = None) -> Iterator[Listed]:
        paging = self._paging if limit is None else self._paging.model_copy(update={"size": limit})
        rows = self._records.rules.listing.rows
        chosen = [*params, *self._selected()]
        if self._parent is None:
            yield from pages(self._line, self._path, chosen, rules=paging, rows=rows, cursor=cursor)
            return
        path = self._records.rules.parent_key
        held: Listed | None = None
        for page in self._parent.pull(None):
            for above in page.rows:
                address = self._path.replace("{parent}", quote(above.key, safe=""))
                shown = above.body if isinstance(above.body, Mapping) else {}
                for listed in pages(self._line, address, chosen, rules=paging, rows=rows):
                    if held is not None:
                        yield _followed_by(held, "more")
                    inside = [{**row, PARENT: {**shown, path: above.key}} for row in listed.rows]
                    held = listed._replace(rows=inside)
        yield _followed_by(held or Listed([], None, Response(200), None), None)

    def _selected(self) -> Params:
        listing = self._records.rules.listing
        if listing.fields_param is None:
            return []
        return [(listing.fields_param, ",".join(self._records.members))]

    def _unfolded(self, row: Record) -> Iterator[Record]:
        """Take the records out of a listed row, or read what the list leaves out."""
        rules = self._records.rules
        if rules.nested is not None:
            top = top_member(rules.nested)
            above = {name: value for name, value in row.items() if name != top}
            for inner in look_up(row, rules.nested) or ():
                if isinstance(inner, Mapping):  # a row of another shape is none of these
                    yield remade({**inner, PARENT: above}, inner)
        elif rules.listing.hydrate:
            key = self._records.key(row)
            whole = None if key is None else self._item(key)
            yield row if whole is None else whole
        else:
            yield row

    def _with_events(self, row: Record) -> Record:
        events = self._records.rules.events
        if events is None or events.path is None:
            return row
        address = events.path.replace("{id}", quote(self._key(row), safe=""))
        found = [
            each
            for listed in pages(self._line, address, (), rules=self._paging, rows=events.list_rows)
            for each in listed.rows
        ]
        return remade({**row, FETCHED: found}, row)

    # ------------------------------------------------------------------ look-ups

    def get(self, ids: Sequence[str]) -> list[Row]:
        """
        Read records by id; missing and deleted ones are absent.

        Raises:
            ConnectorError: The server refuses.
        """
        rules = self._records.rules
        wanted = [key for key in dict.fromkeys(ids) if key]
        if rules.records or rules.listing.get == "scan" or rules.under is not None:
            found = {row.key: row for page in self.pull(None) for row in page.rows} if wanted else {}
        elif rules.nested is not None:
            found = self._nested(wanted)
        elif rules.listing.get == "item":
            found = {key: self._there(record) for key in wanted if (record := self._item(key)) is not None}
        else:
            found = self._by_ids(wanted)
        rows = [found[key] for key in wanted if key in found]
        return [row for row in rows if not (isinstance(row.body, Mapping) and self._records.is_deleted(row.body))]

    def _there(self, record: Record) -> Row:
        return self._row(self._with_events(record))

    def _by_ids(self, wanted: Sequence[str]) -> dict[str, Row]:
        listing = self._records.rules.listing
        askable = [key for key in wanted if not listing.ids_join or listing.ids_join not in key]
        found: dict[str, Row] = {}
        for chunk in _chunks(askable):
            values = [listing.ids_join.join(chunk)] if listing.ids_join else chunk
            asked = [(listing.ids_param, value) for value in values]
            for listed in self._listed([*asked, *listing.params.items()]):
                for record in listed.rows:
                    if (key := self._key(record)) in chunk:  # some servers ignore what they do not know
                        found[key] = self._there(record)
        return found

    def _nested(self, wanted: Sequence[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for above in dict.fromkeys(key.partition("/")[0] for key in wanted):
            record = self._item(above)
            for row in self._unfolded(record) if record is not None else ():
                if self._records.belongs(row) and self._key(row) in wanted:
                    found[self._key(row)] = self._row(row)
        return found

    def _item(self, key: str) -> Record | None:
        answer = self._line.item(self.item_address(key, with_params=True), what=self._path)
        if answer is None:
            return None
        record = look_up(self._line.document(answer), self._records.rules.listing.record)
        if not isinstance(record, Mapping):
            msg = f"the answer to one record of {self._path} is no record"
            raise ContractBrokenError(msg, hint=self._line.advice, system=self._line.system)
        nested = self._records.rules.nested
        is_asked = nested is not None or self._records.key(record) == key
        return record if is_asked else None  # a server may answer with another record than the one asked for

    def item_address(self, key: str, *, with_params: bool = False) -> str:
        """Return the address of one record."""
        listing = self._records.rules.listing
        address = listing.item.replace("{path}", self._path.rstrip("/")).replace("{id}", quote(key, safe=""))
        return with_query(address, list(listing.item_params.items())) if with_params else address

    def find(self, field: str, values: Sequence[str]) -> list[Row]:
        """
        Read records by a value; ``create_key`` is our own key.

        Raises:
            ConfigurationError: The kind is not searched by that field.
            ConnectorError: The server refuses.
        """
        rules = self._records.rules
        by_key = field == "create_key" and rules.write.reference is not None
        if not by_key and field not in rules.find:
            msg = f"{self._line.system} does not search {self._records.kind} by {field}"
            raise ConfigurationError(msg, hint=f"it searches by {', '.join(sorted(rules.find)) or 'nothing'}")
        wanted = [value for value in dict.fromkeys(values) if value]
        search = rules.write.search if by_key else rules.find[field]
        found: dict[tuple[str, str], Row] = {}
        for record in self._found(search, wanted):
            path = None if search is None else search.path
            value = self._records.reference(record) if by_key else self._records.value(record, field, path)
            if value in wanted and value is not None and not self._records.is_deleted(record):
                row = self._row(self._with_events(record))
                found[row.key, value] = row._replace(match=value)
        return list(found.values())

    def _found(self, search: FindRules | None, wanted: Sequence[str]) -> Iterator[Record]:
        listing = self._records.rules.listing
        always = list(listing.params.items())
        if not wanted:
            return
        if search is None or search.param is None or self._records.rules.records:
            for page in self.pull(None):
                yield from (row.body for row in page.rows if isinstance(row.body, Mapping))
            return
        chunks = _chunks(wanted) if search.many != "single" else ([value] for value in wanted)
        for chunk in chunks:
            usable = [value for value in chunk if search.many != "comma" or "," not in value]
            if not usable:
                continue
            texts = [search.value.replace("{value}", _escaped(value, search.value)) for value in usable]
            joined = [",".join(texts)] if search.many == "comma" else texts
            asked = [(search.param, text) for text in joined]
            listing_pages = self._listed([*asked, *always])
            if search.address is not None:
                rows = self._records.rules.listing.rows if search.rows is None else search.rows
                listing_pages = pages(self._line, search.address, asked, rules=PagingRules(), rows=rows)
            for listed in listing_pages:
                for row in listed.rows:
                    yield from self._unfolded(row)

    # ------------------------------------------------------------------ probes

    def newer_than_any(self) -> int:
        """
        Return how many records changed after the year 2999: more than none proves that the filter is ignored.

        Raises:
            ConnectorError: The server refuses.
        """
        if not self._records.rules.since.future:
            return 0
        params = [*self._since(_FAR_FUTURE), *self._records.rules.listing.params.items()]
        return len(next(iter(self._listed(params, limit=1))).rows)

    def first_page(self, size: int, *, pages_wanted: int = 1) -> list[Listed]:
        """
        Return the first pages as they came, for a look at them.

        Raises:
            ConnectorError: The server refuses.
        """
        params = [*self._since(None), *self._records.rules.listing.params.items()]
        found = []
        for listed in self._listed(params, limit=size):
            found.append(listed)
            if len(found) >= pages_wanted:
                break
        return found

    def beyond_the_end(self) -> tuple[int, int] | None:
        """
        Return status and rows of a page far past the last one; ``None`` where pages have no numbers.

        Raises:
            ConnectorError: The server refuses.
        """
        rules, listing = self._paging, self._records.rules.listing
        if rules.kind not in ("page", "offset") or self._records.rules.under is not None:
            return None
        place = rules.page_param if rules.kind == "page" else rules.offset_param
        sized = [(rules.size_param, "2")] if rules.size_param else []
        params = [*listing.params.items(), *self._selected(), *sized, (place, "1000000")]
        answer = self._line.ask(with_query(self._path, params), what=self._path, missing_is_empty=True)
        rows = look_up(self._line.document(answer), listing.rows) if answer.status == 200 else None
        return answer.status, len(rows) if isinstance(rows, list) else 0

    # ------------------------------------------------------------------ rows

    def _key(self, record: Record) -> str:
        key = self._records.key(record)
        if key is None:
            msg = f"a record of {self._path} has no {self._records.columns.key}"
            raise ContractBrokenError(msg, hint=self._line.advice, system=self._line.system)
        return key

    def _row(self, record: Record) -> Row:
        return Row(self._key(record), self._records.version(record), record)


def _followed_by(listed: Listed, following: str | None) -> Listed:
    """Say of a page whether another one follows."""
    return listed._replace(following=following)


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _escaped(value: str, template: str) -> str:
    """Keep a value inside the quotes of a query language."""
    if "'{value}'" not in template and '"{value}"' not in template:
        return value
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'")


def _server_time(answer: Response) -> datetime | None:
    text = answer.header("Date")
    try:
        moment = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError):
        return None
    return moment.astimezone(timezone.utc) if moment is not None and moment.tzinfo is not None else None
