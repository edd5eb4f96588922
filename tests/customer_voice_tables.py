"""Customer Voice in an emulated environment: a survey, its questions, its invitations, and people who answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from periferia_link.testing.emulators.dynamics365 import Dynamics365Emulator

__all__ = ["LOGICAL_NAME", "VoiceTables", "voice_key"]

LOGICAL_NAME = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_FORM = "b0000000-0000-4000-8000-000000000001"


def voice_key(at: int, letter: str = "d") -> str:
    """Return a key: responses begin with d, answers with f, questions with e, invitations with 9."""
    return f"{letter}0000000-0000-4000-8000-{at:012}"


class VoiceTables:
    """
    Fills the tables ``msfp_*`` as Customer Voice does: numbers of questions in the list, their words elsewhere.

    Args:
        emulator: The environment.

        questions: Words by number (``{"r1": "¿Por qué?"}``).
    """

    def __init__(self, emulator: Dynamics365Emulator, questions: Mapping[str, str]) -> None:
        self._emulator, self._numbers = emulator, list(questions)
        self._answers = 0
        self._load("msfp_surveies", {"msfp_surveyid": _FORM, "msfp_name": "Voz", "msfp_sourcesurveyidentifier": "S1"})
        for at, (number, text) in enumerate(questions.items(), 1):
            row = {"msfp_questionid": voice_key(at, "e"), "msfp_name": f"P{at}", "msfp_questiontext": text}
            row |= {"msfp_sequence": at, "msfp_sourcequestionidentifier": number, "_msfp_survey_value": _FORM}
            self._load("msfp_questions", row)

    def invite(self, at: int, mail: str, account: str) -> str:
        """Ask somebody of a client."""
        row = {"activityid": voice_key(at, "9"), "subject": "Invitación", "msfp_inviteemailaddress": mail}
        about = {"_regardingobjectid_value": account, f"_regardingobjectid_value{LOGICAL_NAME}": "account"}
        self._load("msfp_surveyinvites", row | about)
        return voice_key(at, "9")

    def answer(self, at: int, answers: Mapping[str, str], *, parts: Sequence[str] | None = None, **more: Any) -> str:
        """
        Let somebody answer; the rows of the answers come last question first, as nothing promises an order.

        Args:
            at: Number of the response.

            answers: Texts by number of the question.

            parts: Questions whose answers have rows of their own; all of them by default.

            more: Other columns of the response.
        """
        listed = [{"questionId": number, "response": text} for number, text in answers.items()]
        row = {"activityid": voice_key(at), "subject": f"R{at}", "msfp_sourcesurveyidentifier": "S1"}
        row |= {"msfp_startdate": "2026-11-20T14:00:00Z", "msfp_submitdate": "2026-11-20T14:05:00Z"}
        row |= {"_msfp_surveyid_value": _FORM, "msfp_questionresponseslist": json.dumps(listed)}
        self._load("msfp_surveyresponses", row | more)
        for number in reversed([*answers] if parts is None else parts):
            self._answers += 1
            part = {"msfp_questionresponseid": voice_key(self._answers, "f"), "msfp_name": f"{number} of {at}"}
            part |= {"msfp_response": answers[number], "msfp_sourcequestionidentifier": number}
            part |= {"_msfp_surveyresponseid_value": voice_key(at)}
            part |= {"_msfp_questionid_value": voice_key(self._numbers.index(number) + 1, "e")}
            self._load("msfp_questionresponses", part)
        return voice_key(at)

    def _load(self, table: str, row: Mapping[str, Any]) -> None:
        self._emulator.load({table: [dict(row)]})
