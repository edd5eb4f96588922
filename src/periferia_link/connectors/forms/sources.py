"""
Where answers come from: an export file, the file of received webhooks, the surveys of another connector.

The workbook that lives in OneDrive or SharePoint is :class:`~periferia_link.connectors.forms.GraphWorkbook`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from periferia_link.connectors.base import Connector
from periferia_link.connectors.forms._inbox import Inbox
from periferia_link.connectors.forms._limits import Limits
from periferia_link.connectors.forms._responses import Export, RawResponse, parted
from periferia_link.connectors.forms.mapping import FormMapping
from periferia_link.domain import Survey
from periferia_link.errors import ConfigurationError

__all__ = [
    "ExportFile",
    "ExportSnapshot",
    "InboxFile",
    "NamedSurveys",
    "OpenedExport",
    "ResponseSource",
    "Snapshot",
    "SurveySource",
]

_BLOCK = 1024 * 1024


class Snapshot(Protocol):
    """What a source holds at one moment."""

    @property
    def state(self) -> str:
        """A text that is another one after any change."""
        ...

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        """
        Yield every answer once.

        Raises:
            LinkError: It cannot be read, or is no export.
        """
        ...

    def dates(self, mapping: FormMapping) -> str | None:
        """Say what was assumed about its dates; ``None`` where nothing was."""
        ...

    def details(self, mapping: FormMapping) -> Mapping[str, str]:
        """Return what a person wants to know about it."""
        ...


@runtime_checkable
class OpenedExport(Protocol):
    """A snapshot that is an export file, for those who read its cells themselves."""

    def export(self) -> Export:
        """
        Open it; a second time it is open already.

        Raises:
            LinkError: It cannot be read, is dangerous, or is no export.
        """
        ...


class ResponseSource(Protocol):
    """Anything that answers come from; one parser stands behind all of them."""

    kind: str

    def look(self) -> Snapshot:
        """
        Look at the source, cheaply: nothing is read but what says whether it changed.

        Raises:
            LinkError: It is not there, or refuses.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class ExportSnapshot:
    """An export on this machine."""

    def __init__(self, path: Path, state: str, limits: Limits, sheet: str | None) -> None:
        self.state = state
        self._path, self._limits, self._sheet = path, limits, sheet
        self._opened: Export | None = None

    def export(self) -> Export:
        """
        Open the file; a second time it is open already.

        Raises:
            ConfigurationError: It cannot be read, is dangerous, or is no export of Forms.
        """
        if self._opened is None:
            self._opened = Export(self._path, self._limits, sheet=self._sheet)
        return self._opened

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        """Yield every answer; see :class:`Snapshot`."""
        return self.export().responses(mapping)

    def dates(self, mapping: FormMapping) -> str | None:
        """Say what was assumed; see :class:`Snapshot`."""
        order = self.export().order(mapping.day_first)
        return str(order) if order.is_assumed else None

    def details(self, mapping: FormMapping) -> Mapping[str, str]:
        """Return format, language and the order of dates; see :class:`Snapshot`."""
        export = self.export()
        told = {"format": export.kind, "headers": export.columns.language}
        return told | {"dates": str(export.order(mapping.day_first)), "questions": str(len(export.titles))}


class ExportFile:
    """
    An export on this machine: needs no permission anywhere.

    Args:
        path: .xlsx or .csv.

        limits: Bounds of the file.

        sheet: Name of the sheet.
    """

    kind = "file"

    def __init__(self, path: str | Path, *, limits: Limits | None = None, sheet: str | None = None) -> None:
        self._path, self._limits, self._sheet = Path(path), limits or Limits(), sheet

    def look(self) -> Snapshot:
        """
        Return the file as it is; its state is the hash of its bytes.

        Raises:
            ConfigurationError: It is not there.
        """
        told = hashlib.blake2b(digest_size=16)
        try:
            with self._path.open("rb") as file:
                while block := file.read(_BLOCK):
                    told.update(block)
        except OSError as exc:
            msg = f"the export {self._path.name} cannot be read: {exc.strerror}"
            raise ConfigurationError(msg, hint="export the answers from Forms to that file") from None
        return ExportSnapshot(self._path, told.hexdigest(), self._limits, self._sheet)

    def close(self) -> None:
        """Release nothing."""


class InboxFile:
    """The answers that :class:`~periferia_link.connectors.forms.FormsWebhook` received."""

    kind = "inbox"

    def __init__(self, path: str | Path) -> None:
        self._inbox = Inbox(Path(path))

    def look(self) -> Snapshot:
        """
        Return what was received until now; an inbox that is not there yet is empty.

        Raises:
            ConfigurationError: It cannot be read.
        """
        return _InboxSnapshot(self._inbox)

    def close(self) -> None:
        """Release nothing."""


class _InboxSnapshot:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._size = inbox.size()
        self.state = f"{self._size}"

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        """Yield the latest version of every answer."""
        return self._inbox.latest(mapping.form, until=self._size)

    def dates(self, mapping: FormMapping) -> str | None:  # noqa: ARG002
        return None

    def details(self, mapping: FormMapping) -> Mapping[str, str]:  # noqa: ARG002
        return {"format": "inbox"}


class SurveySource:
    """
    The surveys of another connector (Customer Voice in Dataverse, say), read again under a mapping.

    Connectors do not know each other: this takes any :class:`~periferia_link.connectors.base.Connector` whose kind
    ``Survey`` tells answers. Questions that one person was not asked may be missing.

    Args:
        connector: Where they are.

        questionnaire: Only those of this one; all of them without it.
    """

    kind = "surveys"

    def __init__(self, connector: Connector, *, questionnaire: str | None = None) -> None:
        self._connector, self._questionnaire = connector, questionnaire

    def look(self) -> Snapshot:
        """
        Read the surveys; their state is the hash of what they say.

        Raises:
            ConnectorError: The system refuses.
        """
        told = [each for each in self._connector.each("Survey") if isinstance(each, Survey)]
        wanted = [each for each in told if self._questionnaire in (None, each.questionnaire)]
        return _SurveySnapshot([_raw(each) for each in wanted])

    def close(self) -> None:
        """Leave the connector to whoever made it."""


class NamedSurveys:
    """
    The surveys of another system of the same installation, known by its name until the installation is built.

    Args:
        system: Its name.

        questionnaire: Only those of this one; all of them without it.
    """

    kind = "surveys"

    def __init__(self, system: str, *, questionnaire: str | None = None) -> None:
        self.system, self._questionnaire = system, questionnaire
        self._source: SurveySource | None = None

    def meet(self, systems: Mapping[str, Connector]) -> None:
        """
        Find the system among those of the installation.

        Raises:
            ConfigurationError: It is not there, or has no surveys.
        """
        found = systems.get(self.system)
        if found is None or "Survey" not in found.capabilities:
            why = "there is no such system" if found is None else "it has no surveys"
            msg = f"the surveys of {self.system} cannot be read: {why}"
            raise ConfigurationError(msg, hint="name another system of the same file under surveys")
        self._source = SurveySource(found, questionnaire=self._questionnaire)

    def look(self) -> Snapshot:
        """
        Read the surveys; see :class:`SurveySource`.

        Raises:
            ConfigurationError: It has not met the system.
            ConnectorError: The system refuses.
        """
        if self._source is None:
            msg = f"the surveys of {self.system} are read through an installation"
            raise ConfigurationError(msg, hint="open the file with Installation.open, or use SurveySource")
        return self._source.look()

    def close(self) -> None:
        """Leave the system to the installation."""


class _SurveySnapshot:
    def __init__(self, raws: list[RawResponse]) -> None:
        self._raws = raws
        self.state = hashlib.blake2b("".join(raw.version for raw in raws).encode(), digest_size=16).hexdigest()

    def responses(self, mapping: FormMapping) -> Iterator[RawResponse]:
        wanted = {question.title: {question.title, *question.aliases} for question in mapping.questions}
        # what was not answered is empty; where nobody was asked any of them it is the mapping of another survey
        is_other = {title for raw in self._raws for title in raw.titles}.isdisjoint(set().union(*wanted.values()))
        for raw in self._raws:
            missing = [title for title, names in wanted.items() if not is_other and names.isdisjoint(raw.titles)]
            yield raw._replace(titles=(*raw.titles, *missing), texts=(*raw.texts, *[""] * len(missing)))

    def dates(self, mapping: FormMapping) -> str | None:  # noqa: ARG002
        return None

    def details(self, mapping: FormMapping) -> Mapping[str, str]:  # noqa: ARG002
        return {"format": "surveys"}


def _told(value: object) -> Iterable[tuple[object, object]]:
    """Return what stands in an object of texts and numbers."""
    return [each for each in value.items() if isinstance(each[1], (str, int))] if isinstance(value, Mapping) else ()


def _raw(survey: Survey) -> RawResponse:
    pairs = [(answer.question, answer.text or str(answer.value or "")) for answer in survey.answers]
    if survey.nps is not None and not any(answer.measure == "nps" for answer in survey.answers):
        pairs.append(("NPS", str(survey.nps)))
    held = {title for title, _ in pairs}
    for told in survey.custom.values():
        # what came with the link of the survey: a mapping may say that it names the client or a case
        pairs += [(str(title), str(text)) for title, text in _told(told) if str(title) not in held]
    return RawResponse(
        survey.ref.id if survey.ref else "",
        survey.started_at,
        survey.answered_at,
        survey.updated_at,
        survey.email,
        survey.respondent,
        *parted(pairs),
    )
