"""
What differs from help desk to help desk, as a file: a :class:`TicketProfile` says it in TOML, no code is needed.

Every key is explained in docs/reference/ticket-profile.md; editors find them in ``ticket-profile.schema.json``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from periferia_link.connectors.ticketing._tables import (
    AuthRules,
    LoginRules,
    PathText,
    Rules,
    Scalar,
    Statuses,
    TimeRules,
    WhoRules,
)
from periferia_link.domain import KINDS

__all__ = [
    "Answer",
    "AuthRules",
    "ErrorRules",
    "EventRules",
    "FieldRules",
    "FindRules",
    "KindRules",
    "ListRules",
    "LoginRules",
    "PagingRules",
    "QuirkRules",
    "SinceRules",
    "TicketProfile",
    "TimeRules",
    "ValueMap",
    "When",
    "WhoRules",
    "WriteRules",
    "merged",
]

_Reading: TypeAlias = Literal[
    "text", "id", "integer", "decimal", "boolean", "time", "date", "ref", "money", "tax-id",
    "hours", "minutes", "seconds", "clock", "raw",
]  # fmt: skip


class When(Rules):
    """A value that another member decides: ``{ path = "on_hold", is = true, value = "on_hold" }``."""

    path: PathText
    is_: Scalar = Field(alias="is")
    value: str


class FieldRules(Rules):
    """One field of the domain: where it stands and what it looks like there."""

    path: PathText | tuple[PathText, ...] = Field(
        default="", description="where it stands: a.b, a.0, a[id=7].value, ^b (the parent row); several: the first set"
    )
    as_: _Reading | None = Field(
        default=None, alias="as", description="how to read it; by the field's type if not said"
    )
    map: str | None = Field(default=None, description="name of a table of values under [map]")
    when: tuple[When, ...] = Field(default=(), description="other members that decide the value first")
    write: PathText | Literal[False] | None = Field(
        default=None, description="where it is written when it is elsewhere; false: never written"
    )
    write_as: Literal["text", "integer", "number", "raw"] | None = Field(
        default=None, description="how a scalar is written where that differs from how it is read"
    )
    format: str | None = Field(default=None, description="as in [times]")
    zone: str | None = Field(default=None, description="as in [times]")
    null: tuple[Scalar, ...] | None = Field(default=None, description="as in [times], for any field")
    currency: PathText | None = Field(default=None, description="path of the currency beside an amount of money")
    country: str = Field(default="CO", pattern="^[A-Z]{2}$", description="country of a tax id")
    const: Scalar | None = Field(default=None, description="the same for every record; nothing is read")
    pattern: str | None = Field(default=None, description="regular expression; its first group is the value")
    longest: int | None = Field(default=None, ge=1, description="longer texts are refused: this server cuts them")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as exc:
                msg = f"is no regular expression: {exc.msg}"
                raise ValueError(msg) from None
            if groups != 1:
                msg = "needs exactly one group"
                raise ValueError(msg)
        return pattern

    @property
    def paths(self) -> tuple[str, ...]:
        """Where to look, in order."""
        return (self.path,) if isinstance(self.path, str) else self.path


class ValueMap(Rules):
    """Words of the server and ours; a word that is not there ends in the default that is stated, or in an error."""

    values: Mapping[str, str] = Field(default_factory=dict, description="word of the server = our word")
    default: str | None = Field(default=None, description="our word for those that are not listed; else an error")
    write: Mapping[str, Scalar | Mapping[str, Scalar | None]] = Field(
        default_factory=dict,
        description="our word = word to write, or a table of members; the first listed word where it is not said",
    )
    keep: bool = Field(default=False, description="words that are not listed are the same here and there")


class ListRules(Rules):
    """How records are listed and read one by one."""

    rows: PathText = Field(default="", description="path of the rows in the answer; empty: the answer is the list")
    params: Mapping[str, str] = Field(default_factory=dict, description="always sent: closed ones too, sort, includes")
    pull_params: Mapping[str, str] = Field(
        default_factory=dict, description="sent when changes are listed, not when records are looked up: tombstones"
    )
    fields_param: str | None = Field(default=None, description="parameter that selects fields")
    fields: tuple[str, ...] = Field(default=(), description="what to select beside the mapped members")
    item: PathText = Field(default="{path}/{id}", description="address of one record")
    record: PathText = Field(default="", description="path of the record in the answer of the item")
    item_params: Mapping[str, str] = Field(default_factory=dict)
    get: Literal["item", "ids", "scan"] = Field(
        default="item", description="read by id: one request each, a parameter with many ids, or the whole list"
    )
    ids_param: str = Field(default="ids", description="the parameter with many ids")
    ids_join: str = Field(default=",", description="between the ids; empty: the parameter is repeated")
    hydrate: bool = Field(default=False, description="read the item of every listed row: lists lack members")


class PagingRules(Rules):
    """How a list goes on; it ends when rows run out or nothing follows, never by a total."""

    kind: Literal["none", "page", "offset", "cursor", "next"] = "none"
    size: int = Field(default=100, ge=1, description="rows to ask for")
    largest: int | None = Field(
        default=None, ge=1, description="rows that the server gives at most, however many asked"
    )
    size_param: str | None = "limit"
    page_param: str = "page"
    first: int = Field(default=1, description="number of the first page")
    offset_param: str = "offset"
    cursor_param: str = "cursor"
    cursor: PathText = Field(default="next_cursor", description="path of the next cursor")
    next: PathText = Field(default="next", description="path of the next link; header:Link for the header")
    more: PathText | None = Field(default=None, description="path of a flag that says that more follows")
    done: PathText | None = Field(default=None, description="path of a flag that says that nothing follows")
    total: PathText | None = Field(
        default=None, description="path of a total; never the end of a list, only a sign that it shrinks meanwhile"
    )
    past_end: Literal["empty", "404"] = Field(default="empty", description="what a page after the last one is")
    short_is_last: bool = Field(default=False, description="a page with fewer rows than the first ends the list")


class SinceRules(Rules):
    """How to ask for what changed; without a parameter everything is read and compared by content."""

    param: str | None = Field(default=None, description="the parameter; empty: full scan and fingerprint")
    value: str = Field(default="{since}", description="its value; a text of a query language with {since} inside")
    all: str | None = Field(default=None, description="its value when everything is asked for; not sent if not said")
    format: str = Field(default="iso", description="iso, epoch, epoch-ms, or a pattern as %Y-%m-%d %H:%M:%S")
    zone: str = "UTC"
    future: bool = Field(default=True, description="false: a time in the future is refused, so it cannot be probed")
    overlap: float = Field(default=120.0, ge=0, description="seconds before the latest change that are read again")

    @field_validator("param")
    @classmethod
    def _none_is_none(cls, param: str | None) -> str | None:
        return param or None  # TOML has no null: an empty parameter takes back what holds for all kinds


class FindRules(Rules):
    """How records are found by a value; hits are always compared again here."""

    param: str | None = Field(default=None, description="the parameter; without one the whole list is read")
    value: str = Field(default="{value}", description="its value, as in a query language")
    address: PathText | None = Field(default=None, description="address to ask, where it is not the list")
    rows: PathText | None = Field(default=None, description="path of the rows in its answer")
    many: Literal["repeat", "comma", "single"] = Field(
        default="single", description="several values in one request: repeated, joined, or one request each"
    )
    path: PathText | None = Field(
        default=None, description="where the value stands in a row; as the field says if not here"
    )


class Answer(Rules):
    """What the server answers to a write that took effect; anything else has an unknown fate and is read back."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    path: PathText
    wrap: PathText = Field(default="", description="member that the record is put into")
    params: Mapping[str, str] = Field(default_factory=dict)
    success: Statuses
    body: Literal["record", "some", "empty", "text", "any"] = Field(
        default="record", description="the record, some object, nothing, a sentence or a list of them, or any of these"
    )
    record: PathText = Field(default="", description="path of the record in the answer")
    id: PathText | None = Field(
        default=None, description="path of the id in the answer, or several as {ticket}/{id}; as the key if not said"
    )
    fixed: Mapping[str, Scalar] = Field(default_factory=dict, description="members that are always sent")
    empty_object: bool = Field(default=False, description="a delete carries {} as its body")


_CREATE: Mapping[str, Any] = {"method": "POST", "path": "{path}", "success": (201,)}
_UPDATE: Mapping[str, Any] = {"method": "PATCH", "path": "{item}", "success": (200,)}
_DELETE: Mapping[str, Any] = {"method": "DELETE", "path": "{item}", "success": (200, 202, 204), "body": "any"}


class WriteRules(Rules):
    """What may be written and what keeps it from happening twice."""

    modes: tuple[Literal["create", "update", "delete"], ...] = ()
    create: Answer = Answer(**_CREATE)
    update: Answer = Answer(**_UPDATE)
    delete: Answer = Answer(**_DELETE)
    if_match: Literal["none", "version", "etag"] = Field(
        default="none", description="version: the row's own; etag: asked of the item first; none: read, compare, write"
    )
    etag: PathText = Field(default="header:ETag", description="where the etag of an item stands")
    quoted: bool = Field(default=True, description="the version is sent in quotes")
    once: Literal["none", "key-header", "one-time-url"] = Field(
        default="none", description="what the server has against a second create"
    )
    key_header: str = "Idempotency-Key"
    ticket_url: PathText = Field(default="{path}/@poe", description="where a one-time address is asked for")
    ticket_link: PathText = Field(default="data.link", description="path of the one-time address in the answer")
    reference: PathText | None = Field(default=None, description="member that keeps our key")
    reference_in: Literal["member", "text"] = Field(
        default="member", description="text: the key is the last line of a text that people read"
    )
    is_unique: bool = Field(default=False, description="the server refuses a second record with the same reference")
    search: FindRules | None = Field(default=None, description="finds records by reference; else the list is read")
    settle: float = Field(default=60.0, ge=0, description="seconds until a lost create can no longer appear")
    verify: bool = Field(default=False, description="read back and compare: a denied update answers 200 here")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        defaults = {"create": _CREATE, "update": _UPDATE, "delete": _DELETE}
        return {
            **given,
            **{name: {**defaults[name], **given[name]} for name in defaults if isinstance(given.get(name), Mapping)},
        }


class EventRules(Rules):
    """Where the history of a ticket is; without it state changes are seen by polling."""

    rows: PathText = Field(default="events", description="path of the rows in the ticket")
    path: PathText | None = Field(default=None, description="address of the rows where tickets do not hold them: {id}")
    list_rows: PathText = Field(default="", description="path of the rows in the answer of that address")
    at: FieldRules = FieldRules(path="at")
    id: PathText = "id"
    member: PathText | None = Field(
        default=None, description="rows tell one member each: path of its name, with old and new values beside"
    )
    new: PathText = "new"
    members: Mapping[str, str] = Field(
        default_factory=lambda: {"status": "status", "priority": "priority"},
        description="member of the server = field of the event",
    )
    changes: PathText | None = Field(default=None, description="path of several changes in one row, each with a member")
    fields: Mapping[str, FieldRules] = Field(
        default_factory=dict, description="rows tell states: field of the event = where it stands"
    )
    first_status: str | None = Field(default=None, description="our word for the state of a ticket when it is opened")


class KindRules(Rules):
    """One kind of the domain: where it lives and how it is read and written."""

    path: PathText = Field(default="", description="address of the list, below the root; {parent} with under")
    nested: PathText | None = Field(default=None, description="the records stand inside the listed rows, at this path")
    parent_key: PathText = Field(default="id", description="path of the parent's id in its row, with nested and under")
    under: str | None = Field(default=None, description="kind whose records each have a list of these")
    records: tuple[Mapping[str, Scalar | None], ...] = Field(
        default=(), description="the records themselves, where the server cannot list them"
    )
    where: tuple[PathText, ...] = Field(
        default=(), description="members that must be set: other rows are something else"
    )
    key: PathText = "id"
    version: PathText | None = Field(
        default=None, description="path of a revision that every change moves; @hash: fingerprint of the row"
    )
    updated: PathText | None = Field(default=None, description="path of the time of the last change")
    deleted: PathText | None = Field(default=None, description="path of what is set when the record is deleted")
    volatile: tuple[str, ...] = Field(default=(), description="members that change by themselves")
    optional: bool = Field(default=False, description="an account without the right to read it is all right")
    right: str | None = Field(default=None, description="name of the right to read it")
    fields: Mapping[str, FieldRules] = Field(default_factory=dict, description="field of the domain = path or table")
    custom: Mapping[str, FieldRules] = Field(default_factory=dict, description="name in custom = path or table")
    find: Mapping[str, FindRules] = Field(default_factory=dict, description="fields that records are found by")
    listing: ListRules = Field(default_factory=ListRules, alias="list")
    paging: PagingRules = Field(default_factory=PagingRules)
    since: SinceRules = Field(default_factory=SinceRules)
    write: WriteRules = Field(default_factory=WriteRules)
    events: EventRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _paths_are_fields(cls, given: Any) -> Any:
        """Let a path stand for a table with nothing but it."""
        if not isinstance(given, Mapping):
            return given
        given = dict(given)
        for name in ("fields", "custom"):
            if isinstance(given.get(name), Mapping):
                given[name] = {key: _field(value) for key, value in given[name].items()}
        events = given.get("events")
        if isinstance(events, Mapping):
            events = dict(events)
            if "at" in events:
                events["at"] = _field(events["at"])
            if isinstance(events.get("fields"), Mapping):
                events["fields"] = {key: _field(value) for key, value in events["fields"].items()}
            given["events"] = events
        return given


def _field(value: Any) -> Any:
    return {"path": value} if isinstance(value, str | list | tuple) else value


class ErrorRules(Rules):
    """What refusals look like and which status means what."""

    code: tuple[PathText, ...] = Field(default=(), description="paths of a code for programs; the first that is there")
    message: tuple[PathText, ...] = Field(default=(), description="paths of the sentence; what we sent is left out")
    quote: bool = Field(default=False, description="tell the server's sentence; it may hold personal data")
    validation: Statuses = (400, 422)
    denied: Statuses = (403,)
    denied_is: Literal["right", "record"] = Field(
        default="right", description="record: this server says it of one record (a queue that is not there)"
    )
    missing: Statuses = (404,)
    conflict: Statuses = (409, 412, 428)
    expired: Statuses = Field(default=(410,), description="of a list: the place is forgotten, read everything again")
    taken: tuple[str, ...] = Field(default=(), description="codes of a create that say that the key is there already")


class QuirkRules(Rules):
    """What else a server does."""

    lenient_filters: bool = Field(default=False, description="unknown parameters are ignored: every hit is compared")
    bad_utf8: bool = Field(default=False, description="answers may be no UTF-8: such letters are replaced")
    note: str = Field(default="", description="for people")


class TicketProfile(Rules):
    """
    A help desk, described: address, credentials, lists, words, writes, refusals.

    ``[list]``, ``[paging]``, ``[since]`` and ``[write]`` hold for every kind; a kind says only what differs. Another
    profile can be the base of this one: ``extends = "roundup"``. Source of each shipped one: its key ``source``.
    """

    profile: Literal[1] = Field(default=1, description="version of this format")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")
    title: str = Field(min_length=1, max_length=100, description="name of the product, for people")
    extends: str | None = Field(default=None, description="a shipped profile that this one starts from")
    state: Literal["tested", "assumed", "untested"] = Field(
        default="untested", description="tested on a server; assumed: a proposal; untested: from documentation only"
    )
    source: str = Field(default="", max_length=500, description="where it is known from")
    root: PathText = Field(default="", description="what follows the address of the server")
    headers: Mapping[Literal["all", "read", "write", "GET", "POST", "PUT", "PATCH", "DELETE"], Mapping[str, str]] = (
        Field(default_factory=dict, description="static headers; {origin}, {url} and {option.NAME} are filled in")
    )
    auth: AuthRules = Field(default_factory=AuthRules)
    times: TimeRules = Field(default_factory=TimeRules)
    map: Mapping[str, ValueMap] = Field(default_factory=dict)
    listing: ListRules = Field(default_factory=ListRules, alias="list")
    paging: PagingRules = Field(default_factory=PagingRules)
    since: SinceRules = Field(default_factory=SinceRules)
    write: WriteRules = Field(default_factory=WriteRules)
    kinds: Mapping[str, KindRules] = Field(min_length=1)
    errors: ErrorRules = Field(default_factory=ErrorRules)
    quirks: QuirkRules = Field(default_factory=QuirkRules)

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, given: Any) -> Any:
        """Give every kind what holds for all of them."""
        if not isinstance(given, Mapping) or not isinstance(given.get("kinds"), Mapping):
            return given
        shared = {name: given[name] for name in ("list", "paging", "since", "write") if name in given}
        kinds = {
            kind: merged(shared, rules) if isinstance(rules, Mapping) else rules
            for kind, rules in given["kinds"].items()
        }
        return {**given, "kinds": kinds}

    @model_validator(mode="after")
    def _sound(self) -> TicketProfile:
        for kind, rules in self.kinds.items():
            model = KINDS.get(kind)
            if model is None:
                msg = f"kinds.{kind}: there is no such kind; known are {', '.join(sorted(KINDS))}"
                raise ValueError(msg)
            for name in (*rules.fields, *rules.find):
                if name not in model.model_fields or name in ("ref", "version", "custom"):
                    msg = f"kinds.{kind}: {kind} has no field {name}"
                    raise ValueError(msg)
            for name, field in (*rules.fields.items(), *rules.custom.items()):
                if field.map is not None and field.map not in self.map:
                    msg = f"kinds.{kind}.fields.{name}: there is no table [map.{field.map}]"
                    raise ValueError(msg)
            if rules.under is not None and rules.under not in self.kinds:
                msg = f"kinds.{kind}.under: there is no [kinds.{rules.under}]"
                raise ValueError(msg)
            if "create" in rules.write.modes and rules.write.once == "none" and rules.write.reference is None:
                msg = f"kinds.{kind}.write: a create needs a reference or something that makes it happen once"
                raise ValueError(msg)
        return self


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of tables over another; values of the upper one win."""
    result = dict(base)
    for name, value in over.items():
        under = result.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        result[name] = merged(under, value) if both else value  # type: ignore[arg-type]
    return result
