"""WIQL: a tokenizer and a parser of what people ask, and the refusal of what the service refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from periferia_link.testing.emulators._devops_process import Field
from periferia_link.testing.emulators._devops_refusals import DevOpsRefused

__all__ = ["Query", "Surroundings", "parse_wiql"]

LONGEST = 32_000

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<field>\[[^\]\[]*\](?:\.\[[^\]\[]*\])?)
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<macro>@\w+)
    | (?P<word>[A-Za-z_][\w.]*)
    | (?P<sign><>|<=|>=|[=<>(),+\-])
    )""",
    re.VERBOSE,
)
_TYPED = {"integer": (int,), "double": (int, float)}

Test: TypeAlias = Callable[[Mapping[str, Any]], bool]


class Surroundings(NamedTuple):
    """What the macros mean: ``@project``, ``@me``, ``@today``; and which fields there are."""

    fields: Mapping[str, Field]
    project: str | None
    me: str
    now: datetime


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass
class Query:
    """A query that was understood: columns, the test of an item, and the order."""

    columns: list[str] = field(default_factory=list)
    test: Test = lambda _: True
    order: list[tuple[str, bool]] = field(default_factory=list)


def refuse(what: str, near: str = "") -> DevOpsRefused:
    """Refuse a query; the wording of the service's own numbers is from its documentation."""
    caused = f" The error is caused by «{near}»." if near else ""
    return DevOpsRefused(400, "WorkItemTrackingQuerySyntaxException", f"{what}{caused}")


def parse_wiql(text: Any, around: Surroundings) -> Query:
    """
    Read a flat query (``SELECT … FROM WorkItems [WHERE …] [ORDER BY …] [ASOF …]``).

    Raises:
        DevOpsRefused: It is too long, or no such query.
    """
    if not isinstance(text, str) or not text.strip():
        raise refuse(what="TF51004: The query statement is missing.")
    if len(text) > LONGEST:
        message = "VS402336: The length of the query exceeds the limit of 32000 characters."
        raise DevOpsRefused(400, "WorkItemTrackingQueryTooLongException", message)
    return _Parser(_tokens(text), around).query()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKENS.match(text, at)
        if match is None:
            raise refuse(what="TF51009: The query cannot be read.", near=text[at:].strip()[:20])
        found.append(_Token(str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token], around: Surroundings) -> None:
        self.tokens = tokens
        self.around = around
        self.at = 0
        self.known = {name.lower(): name for name in around.fields}
        self.known |= {about.name.lower(): name for name, about in around.fields.items()}

    # ------------------------------------------------------------------ tokens

    def peek(self) -> _Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _Token("end", "")

    def take(self) -> _Token:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Take these words or signs if they come next."""
        ahead = self.tokens[self.at : self.at + len(words)]
        if [each.text.lower() for each in ahead] != list(words) or any(each.kind == "text" for each in ahead):
            return False
        self.at += len(words)
        return True

    def expect(self, word: str, number: str) -> None:
        if not self.accept(word):
            raise refuse(
                what=f"{number}: The query statement is missing a {word.upper()} clause.", near=self.peek().text
            )

    # ------------------------------------------------------------------ clauses

    def query(self) -> Query:
        query = Query()
        self.expect("select", "TF51005")
        query.columns = [self.name()]
        while self.accept(","):
            query.columns.append(self.name())
        self.expect("from", "TF51006")
        source = self.take()
        if source.text.lower() != "workitems":
            raise refuse(what="TF51007: The FROM clause names no source that is served here.", near=source.text)
        if self.accept("where"):
            query.test = self.either()
        if self.accept("order", "by"):
            query.order = [self.ordering()]
            while self.accept(","):
                query.order.append(self.ordering())
        if self.accept("asof"):
            self.take()
        if self.peek().kind != "end":
            raise refuse(what="TF51009: The query has something behind its end.", near=self.peek().text)
        return query

    def ordering(self) -> tuple[str, bool]:
        name = self.name()
        if self.accept("desc"):
            return name, True
        self.accept("asc")
        return name, False

    def name(self) -> str:
        token = self.take()
        told = token.text.strip("[]") if token.kind == "field" else token.text
        if token.kind not in ("field", "word") or told.lower() not in self.known:
            raise refuse(what="TF51005: The query references a field that does not exist.", near=token.text)
        return self.known[told.lower()]

    # ------------------------------------------------------------------ conditions

    def either(self) -> Test:
        tests = [self.both()]
        while self.accept("or"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda item: any(test(item) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.accept("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda item: all(test(item) for test in tests)

    def one(self) -> Test:
        if self.accept("not"):
            inner = self.one()
            return lambda item: not inner(item)
        if self.accept("("):
            inner = self.either()
            if not self.accept(")"):
                raise refuse(what="TF51010: A closing parenthesis is missing.", near=self.peek().text)
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        name = self.name()
        is_not = self.accept("not")
        if self.accept("in"):
            test = self.among(name)
        elif self.accept("contains", "words"):
            test = self.words(name)
        elif self.accept("contains"):
            test = self.contains(name)
        elif self.accept("under"):
            test = self.under(name)
        elif not is_not and self.accept("is"):
            test = self.empty(name)
        elif not is_not and self.peek().kind == "sign":
            test = self.compared(name)
        else:
            raise refuse(what="TF51011: The query has no operator that exists.", near=self.peek().text)
        return (lambda item: not test(item)) if is_not else test

    def empty(self, name: str) -> Test:
        is_not = self.accept("not")
        if not self.accept("empty"):
            raise refuse(what="TF51011: The query has no operator that exists.", near=self.peek().text)
        return lambda item: (item.get(name) in (None, "")) is not is_not

    def among(self, name: str) -> Test:
        if not self.accept("("):
            raise refuse(what="TF51012: A list begins with a parenthesis.", near=self.peek().text)
        values = [self.value(name)]
        while self.accept(","):
            values.append(self.value(name))
        if not self.accept(")"):
            raise refuse(what="TF51010: A closing parenthesis is missing.", near=self.peek().text)
        wanted = {_folded(value) for value in values}
        return lambda item: _folded(item.get(name)) in wanted

    def words(self, name: str) -> Test:
        wanted = str(self.value(name)).lower().rstrip("*").split()
        return lambda item: all(word in str(item.get(name) or "").lower() for word in wanted)

    def contains(self, name: str) -> Test:
        wanted = str(self.value(name)).lower()
        if name == "System.Tags":
            return lambda item: wanted in [each.strip().lower() for each in str(item.get(name) or "").split(";")]
        if self.around.fields[name].type in ("integer", "double", "dateTime"):
            raise refuse(what="TF51013: CONTAINS cannot be used with this field.", near=name)
        return lambda item: wanted in str(item.get(name) or "").lower()

    def under(self, name: str) -> Test:
        if self.around.fields[name].type != "treePath":
            raise refuse(what="TF51014: UNDER is for areas and iterations.", near=name)
        wanted = str(self.value(name)).lower().strip("\\")
        return lambda item: f"{item.get(name) or ''}\\".lower().startswith(f"{wanted}\\")

    def compared(self, name: str) -> Test:
        sign = self.take().text
        value = self.value(name)
        if sign in ("=", "<>"):
            wanted = _folded(value)
            return lambda item: (_folded(item.get(name)) == wanted) is (sign == "=")
        if sign not in ("<", "<=", ">", ">="):
            raise refuse(what="TF51011: The query has no operator that exists.", near=sign)
        return lambda item: item.get(name) is not None and _in_order(sign, item[name], value)

    # ------------------------------------------------------------------ values

    def value(self, name: str) -> Any:
        token = self.take()
        kind = self.around.fields[name].type
        if token.kind == "text":
            quote = token.text[0]
            text = token.text[1:-1].replace(quote * 2, quote)
            return self.typed(name, kind, text)
        if token.kind == "number":
            if kind not in _TYPED and kind != "string":
                raise refuse(what="TF51015: The type of the value does not fit the field.", near=token.text)
            return float(token.text) if "." in token.text else int(token.text)
        if token.kind == "macro":
            return self.macro(token.text.lower())
        if token.text.lower() in ("true", "false") and kind == "boolean":
            return token.text.lower() == "true"
        raise refuse(what="TF51009: A value is missing: texts stand in quotes.", near=token.text)

    def typed(self, name: str, kind: str, text: str) -> Any:
        if kind in _TYPED:
            try:
                return float(text) if text else None
            except ValueError:
                raise refuse(what="TF51015: The type of the value does not fit the field.", near=name) from None
        if kind == "dateTime" and text and not re.match(r"\d{4}-\d\d-\d\d", text):
            raise refuse(what="TF51016: The value is no date.", near=text)
        if self.around.fields[name].identity and "<" in text:
            return text.rpartition("<")[2].rstrip(">")
        return text

    def macro(self, name: str) -> Any:
        if name == "@project":
            if self.around.project is None:
                raise refuse(what="TF51017: @project needs a project in the address.", near=name)
            return self.around.project
        if name == "@me":
            return self.around.me
        if name == "@today":
            day = self.around.now.replace(hour=0, minute=0, second=0, microsecond=0)
            if self.peek().kind == "number" and self.peek().text.startswith("-"):
                day += timedelta(days=int(self.take().text))
            elif self.peek().text in ("+", "-"):
                sign = 1 if self.take().text == "+" else -1
                day += timedelta(days=sign * int(self.take().text))
            return day.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise refuse(what="TF51018: The macro is not supported.", near=name)


def _folded(value: Any) -> Any:
    if value is None or value == "":
        return ""
    return value.lower() if isinstance(value, str) else float(value) if not isinstance(value, bool) else value


def _in_order(sign: str, mine: Any, wanted: Any) -> bool:
    are_numbers = isinstance(mine, (int, float)) and isinstance(wanted, (int, float))
    left: Any = mine if are_numbers else str(mine).lower()
    right: Any = wanted if are_numbers else str(wanted).lower()
    if sign == "<":
        return bool(left < right)
    if sign == ">":
        return bool(left > right)
    return bool(left <= right) if sign == "<=" else bool(left >= right)
