"""``$filter`` on the server's side: a recursive descent parser that makes a test of rows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

from periferia_link.testing.emulators._odata_functions import ARITY, function
from periferia_link.testing.emulators._odata_tokens import Token, literal, refused_at, tokens
from periferia_link.testing.emulators._odata_values import Dialect, ODataRefused, Quoted, aligned

__all__ = ["IN", "RowFilter", "parse_filter"]

Row: TypeAlias = Mapping[str, Any]
Value: TypeAlias = Callable[[Row], Any]
Test: TypeAlias = Callable[[Row], "bool | None"]

IN = "Microsoft.Dynamics.CRM.In"
"""The one query function of Dataverse that is understood: ``In(PropertyName='x',PropertyValues=["a","b"])``."""

_MAX_LENGTH = 65_536  # the longest URL that Dataverse takes, inside a batch
_MAX_DEPTH = 60  # parentheses and nots inside each other
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_CONSTANTS = {"null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A parsed ``$filter``: call it with a row. ``columns`` are the paths it names, for the caller to check."""

    test: Test
    columns: frozenset[str]

    def __call__(self, row: Row) -> bool:
        # an unknown truth (null) leaves the row out, as in SQL
        return self.test(row) is True


def parse_filter(
    text: str,
    *,
    functions: frozenset[str],
    dialect: Dialect | None = None,
    aliases: Mapping[str, str] | None = None,
) -> RowFilter:
    """
    Read a ``$filter`` and return the test of a row; nulls follow OData 4.01 part 2, section 5.1.1.

    Args:
        text: The decoded value of the option.

        functions: The functions that this server knows, of ``startswith endswith contains substringof tolower
            toupper trim length`` and :data:`IN`.

        dialect: What is special about this server; plain OData without it.

        aliases: Parameter aliases of the same URL (``{"@p1": "'x'"}``); one that is not assigned is null.

    Raises:
        ODataRefused: The server would answer 400. Values that do not compare are found when a row is tested.
    """
    if unknown := functions - ARITY.keys() - {IN}:
        msg = f"no such function to allow: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    if len(text) > _MAX_LENGTH:
        msg = f"The filter is longer than {_MAX_LENGTH} characters."
        raise ODataRefused(msg, _MAX_LENGTH)
    parser = _Parser(text, functions, dialect or Dialect(), aliases or {})
    return RowFilter(parser.whole(), frozenset(parser.columns))


class _Node(NamedTuple):
    """One operand: how to get its value from a row, what it is, where it stands."""

    value: Value
    kind: Literal["condition", "column", "literal", "text"]
    at: int
    path: str = ""


class _Parser:
    """
    Reads, from the loosest to the tightest: ``or``, ``and``, comparison, ``not``, operand.

    ``not`` binds tighter than a comparison, as in Microsoft's library: ``not (a eq 1)`` needs its parentheses.
    """

    def __init__(self, text: str, functions: frozenset[str], dialect: Dialect, aliases: Mapping[str, str]) -> None:
        self.text = text
        self.functions = functions
        self.dialect = dialect
        self.columns: set[str] = set()
        self.tokens = list(tokens(text, aliases))
        self.next = 0
        self.depth = 0

    # ------------------------------------------------------------------ tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.token
        self.next += token.kind != "end"
        return token

    def found(self, word: str) -> bool:
        """Take the next token when it is *word*."""
        if self.token.says(word):
            self.next += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.found(sign):
            self.refuse(f"'{sign}' expected")

    def refusal(self, why: str, at: int | None = None) -> ODataRefused:
        return refused_at(self.token.at if at is None else at, self.text, why)

    def refuse(self, why: str = "Syntax error", at: int | None = None) -> NoReturn:
        raise self.refusal(why, at)

    # ------------------------------------------------------------------ conditions

    def whole(self) -> Test:
        node = self.disjunction()
        if self.token.kind != "end":
            self.refuse()
        return self.condition(node)

    def disjunction(self) -> _Node:
        return self.joined("or", self.conjunction, deciding=True)

    def conjunction(self) -> _Node:
        return self.joined("and", self.comparison, deciding=False)

    def joined(self, word: str, part: Callable[[], _Node], *, deciding: bool) -> _Node:
        """Read parts joined by *word*; one that is *deciding* decides the whole, else an unknown one leaves it open."""
        node = part()
        if not self.token.says(word):
            return node
        tests = [self.condition(node)]
        while self.found(word):
            tests.append(self.condition(part()))

        def test(row: Row) -> bool | None:
            is_open = False
            for each in tests:
                truth = each(row)
                if truth is deciding:
                    return deciding
                is_open |= truth is None
            return None if is_open else not deciding

        return _Node(test, "condition", node.at)

    def comparison(self) -> _Node:
        left = self.negation()
        word = self.token
        if word.kind != "name" or word.says("and", "or"):
            return left
        if not word.says(*_COMPARE):
            self.refuse(f"The operator '{word.text}' is not supported")
        self.take()
        right = self.negation()
        if self.token.says(*_COMPARE):
            self.refuse("A comparison of a comparison")
        test = self.compared(word, self.stored(left, right), self.stored(right, left))
        return _Node(test, "condition", word.at)

    def negation(self) -> _Node:
        at = self.token.at
        if not self.found("not"):
            return self.operand()
        node = self.deeper(self.negation)
        if node.kind != "condition" and self.token.says(*_COMPARE):
            self.refuse("Parentheses are missing after 'not'", at)
        test = self.condition(node)
        return _Node(lambda row: None if (truth := test(row)) is None else not truth, "condition", at)

    def condition(self, node: _Node) -> Test:
        """Return the node as a test: a condition, a boolean column, or one of the words true, false and null."""
        if node.kind == "condition":
            return node.value
        refusal = self.refusal("A condition is expected", node.at)

        def test(row: Row) -> bool | None:
            truth = node.value(row)
            if truth is None or isinstance(truth, bool):
                return truth
            raise refusal

        if node.kind == "text":
            raise refusal
        if node.kind == "literal":
            test({})
        return test

    def stored(self, node: _Node, other: _Node) -> Value:
        """Return the value of *node*; of a literal beside a column, as the books hold it."""
        if node.kind != "literal" or other.kind != "column" or self.dialect.as_stored is None:
            return node.value
        value = self.dialect.as_stored(other.path, node.value({}))
        held = Quoted(value) if isinstance(value, str) else value
        return lambda _: held

    def compared(self, word: Token, left: Value, right: Value) -> Test:
        compare = _COMPARE[word.text]
        dialect = self.dialect
        is_equality = word.text in ("eq", "ne")
        refusal = self.refusal("A binary operator with incompatible types was detected", word.at)

        def test(row: Row) -> bool:
            one, other = left(row), right(row)
            if one is None or other is None:
                return is_equality and compare(one, other)
            pair = aligned(one, other, dialect)
            if pair is None:
                raise refusal
            return compare(*pair)

        return test

    # ------------------------------------------------------------------ operands

    def deeper(self, read: Callable[[], _Node]) -> _Node:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.refuse(f"More than {_MAX_DEPTH} levels")
        node = read()
        self.depth -= 1
        return node

    def operand(self) -> _Node:
        if self.found("("):
            node = self.deeper(self.disjunction)
            self.expect(")")
            return node
        token = self.take()
        if token.kind == "json":
            self.refuse(at=token.at)
        if token.kind != "name":
            value = literal(token, self.text, v3=self.dialect.v3_literals)
            return _Node(lambda _: value, "literal", token.at)
        if token.text in _CONSTANTS:
            constant = _CONSTANTS[token.text]
            return _Node(lambda _: constant, "literal", token.at)
        return self.call(token) if self.found("(") else self.column(token)

    def column(self, token: Token) -> _Node:
        path = token.text
        if "." in path or path in (*_COMPARE, "and", "or", "not"):
            self.refuse(at=token.at)
        self.columns.add(path)
        refusal = self.refusal(f"'{path}' is not a single value", token.at)

        def value(row: Row) -> Any:
            found: Any = row
            for step in path.split("/"):
                found = found.get(step) if isinstance(found, Mapping) else None
            if isinstance(found, (Mapping, list, tuple)):
                raise refusal
            return found

        return _Node(value, "column", token.at, path)

    def call(self, name: Token) -> _Node:
        if name.text not in self.functions:
            self.refuse(f"The function '{name.text}' is not supported", name.at)
        if name.text == IN:
            return self.call_in(name)
        arguments = [self.deeper(self.operand).value]
        while self.found(","):
            arguments.append(self.deeper(self.operand).value)
        self.expect(")")
        arity = ARITY[name.text]
        if len(arguments) != arity:
            self.refuse(f"'{name.text}' takes {arity} arguments", name.at)
        apply = function(name.text, self.dialect)
        refusal = self.refusal(f"'{name.text}' takes texts", name.at)

        def value(row: Row) -> Any:
            given = [argument(row) for argument in arguments]
            if any(text is None for text in given):
                return None
            if not all(isinstance(text, str) for text in given):
                raise refusal
            return apply(*given)

        return _Node(value, "condition" if arity == 2 else "text", name.at)

    def call_in(self, name: Token) -> _Node:
        """Read the two named arguments of :data:`IN`, in any order."""
        columns: list[Value] = []
        values: list[Any] = []
        while not (columns and values):
            if columns or values:
                self.expect(",")
            key = self.take()
            self.expect("=")
            if key.says("PropertyName") and not columns:
                columns.append(self.named_column().value)
            elif key.says("PropertyValues") and not values:
                values += self.listed()
            else:
                self.refuse(at=key.at)
        self.expect(")")
        equal = name._replace(text="eq")
        tests = [self.compared(equal, columns[0], _beside(columns[0], value)) for value in values]
        return _Node(lambda row: any(test(row) for test in tests), "condition", name.at)

    def named_column(self) -> _Node:
        token = self.take()
        if token.kind != "text":
            self.refuse("The name of a column is expected", token.at)
        return self.column(token._replace(text=token.text[1:-1]))

    def listed(self) -> list[Any]:
        self.expect("[")
        values = [literal(self.take(), self.text, v3=False)]
        while self.found(","):
            values.append(literal(self.take(), self.text, v3=False))
        self.expect("]")
        return values


def _beside(column: Value, value: Any) -> Value:
    """Return *value* for a column of texts; its bare characters for any other, which then read as the column's type."""
    if not isinstance(value, Quoted):
        return lambda _: value
    bare = "".join(value)
    return lambda row: value if isinstance(column(row), str) else bare
