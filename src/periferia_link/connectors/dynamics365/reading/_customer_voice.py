"""
What Customer Voice keeps beside a response: the answer to each question, the words of the questions, the invitation.

Source: table reference ``msfp_surveyresponse``, ``msfp_questionresponse``, ``msfp_question`` and ``msfp_surveyinvite``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from periferia_link.connectors._field_map import KindMap
from periferia_link.connectors.dynamics365.kinds._columns import guid
from periferia_link.connectors.dynamics365.kinds._links import LOOKUP_TABLE
from periferia_link.connectors.dynamics365.reading._finding import chunked
from periferia_link.connectors.dynamics365.reading._web_api import WebApi
from periferia_link.transport._json import remade
from periferia_link.transport._odata import any_of, query

__all__ = ["TABLES", "CustomerVoice"]

TABLES = ("msfp_questionresponses", "msfp_questions", "msfp_surveyinvites")
"""The tables that are read beside the responses."""

_INVITE, _ABOUT = "_msfp_surveyinviteid_value", "_regardingobjectid_value"
_NUMBER = "msfp_sourcequestionidentifier"
_LAST = 1_000_000


class _Question(NamedTuple):
    text: str
    place: int


class CustomerVoice:
    """
    Completes responses of Customer Voice.

    The list of answers in a response names questions by numbers of the form; here it names them by their words, in the
    order of the form. A response that says neither whose it is nor what it is about gets that from its invitation.

    Args:
        api: Whom to ask.

        columns: Of the kind ``Survey``.
    """

    def __init__(self, api: WebApi, columns: KindMap) -> None:
        self._api = api
        self._answers, self._mail = columns.columns.get("answers"), columns.columns.get("email")
        self._key = columns.key

    def completed(self, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """
        Return records of one page with what stands elsewhere.

        Raises:
            ConnectorError: The environment refused to tell it.
        """
        told = self._told([key for record in records if (key := guid(record.get(self._key)))]) if self._answers else {}
        rest = [record for record in records if guid(record.get(self._key)) not in told]
        listed = {id(record): _list_of(record.get(self._answers)) for record in rest} if self._answers else {}
        names = {number for each in listed.values() for entry in each or () if (number := _number_of(entry))}
        questions = self._questions(_NUMBER, names)
        invitations = self._invitations(records)
        return [
            remade(
                {
                    **record,
                    **self._answered(record, told, listed.get(id(record)), questions),
                    **self._invited(record, invitations),
                },
                record,
            )
            for record in records
        ]

    # ------------------------------------------------------------------ answers

    def _told(self, keys: Sequence[str]) -> dict[str, list[tuple[_Question, Any]]]:
        """Return question and answer by response."""
        columns = ("msfp_response", "msfp_name", "_msfp_questionid_value", "_msfp_surveyresponseid_value")
        rows = list(self._rows("msfp_questionresponses", columns, "_msfp_surveyresponseid_value", keys))
        asked = {key for row in rows if (key := guid(row.get("_msfp_questionid_value")))}
        questions = self._questions("msfp_questionid", asked)
        found: dict[str, list[tuple[_Question, Any]]] = {}
        for row in rows:
            question = questions.get(guid(row.get("_msfp_questionid_value")) or "")
            question = question or _Question(str(row.get("msfp_name") or "question"), _LAST)
            key = guid(row.get("_msfp_surveyresponseid_value"))
            if key is not None:
                found.setdefault(key, []).append((question, row.get("msfp_response")))
        return found

    def _answered(
        self,
        record: Mapping[str, Any],
        told: Mapping[str, list[tuple[_Question, Any]]],
        listed: Sequence[Any] | None,
        questions: Mapping[str, _Question],
    ) -> dict[str, Any]:
        if self._answers is None:
            return {}
        answers = told.get(guid(record.get(self._key)) or "")
        if answers is not None:
            answers = sorted(answers, key=lambda each: (each[0].place, each[0].text))
            return {self._answers: [{"questionName": question.text, "response": text} for question, text in answers]}
        if listed is None:
            return {}  # no list at all, or one that cannot be read: decoding says so
        return {self._answers: [_named(entry, questions) for entry in listed]}

    def _questions(self, column: str, keys: Iterable[str]) -> dict[str, _Question]:
        columns = ("msfp_questiontext", "msfp_name", "msfp_sequence", _NUMBER)
        found: dict[str, _Question] = {}
        for row in self._rows("msfp_questions", ("msfp_questionid", *columns), column, sorted(keys)):
            key = row.get(column) if column == _NUMBER else guid(row.get(column))
            text = " ".join(str(row.get("msfp_questiontext") or row.get("msfp_name") or "question").split())
            place = row.get("msfp_sequence")
            found[str(key)] = _Question(text, place if isinstance(place, int) else _LAST)
        return found

    # ------------------------------------------------------------------ invitations

    def _invitations(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        keys = {
            key
            for record in records
            if (key := guid(record.get(_INVITE))) and not (record.get(_ABOUT) and record.get(self._mail or ""))
        }
        rows = self._rows(
            "msfp_surveyinvites", ("activityid", "msfp_inviteemailaddress", _ABOUT), "activityid", sorted(keys)
        )
        return {key: row for row in rows if (key := guid(row.get("activityid")))}

    def _invited(self, record: Mapping[str, Any], invitations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        invitation = invitations.get(guid(record.get(_INVITE)) or "", {})
        told: dict[str, Any] = {}
        if not record.get(_ABOUT) and invitation.get(_ABOUT):
            told |= {name: invitation[name] for name in (_ABOUT, _ABOUT + LOOKUP_TABLE) if name in invitation}
        if self._mail is not None and not record.get(self._mail) and invitation.get("msfp_inviteemailaddress"):
            told[self._mail] = invitation["msfp_inviteemailaddress"]
        return told

    def _rows(self, table: str, select: Sequence[str], column: str, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        prefer = f'odata.include-annotations="{LOOKUP_TABLE[1:]}"' if _ABOUT in select else None
        for chunk in chunked(keys):
            wanted = chunk if column == _NUMBER else [UUID(key) for key in chunk]
            yield from self._api.rows(query(table, select=select, filter=any_of(column, wanted)), prefer=prefer)


def _list_of(told: Any) -> list[Any] | None:
    """Return the list of answers in a response; ``None`` where there is none that can be read."""
    try:
        found = json.loads(told) if isinstance(told, str) else told
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _number_of(entry: Any) -> str | None:
    """Return which question an entry of the list is about, where only its number says so."""
    if not isinstance(entry, Mapping) or entry.get("questionName") or entry.get("question"):
        return None
    found = entry.get("questionId") or entry.get("id")
    return found if isinstance(found, str) and found else None


def _named(entry: Any, questions: Mapping[str, _Question]) -> Any:
    question = questions.get(_number_of(entry) or "")
    return entry if question is None else {**entry, "questionName": question.text}
