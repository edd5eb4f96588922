"""The connector of Microsoft Forms: surveys, read only, from whichever source holds the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from periferia_link.clock import SystemClock
from periferia_link.connectors.base import Capabilities, Connector, Outcome, Page, Row, SystemInfo, Write
from periferia_link.connectors.forms._graph import GraphWorkbook
from periferia_link.connectors.forms._options import Options
from periferia_link.connectors.forms._reading import Plan
from periferia_link.connectors.forms._responses import RawResponse
from periferia_link.connectors.forms._surveys import survey_of
from periferia_link.connectors.forms.mapping import FormMapping, load_mapping, mapping_from
from periferia_link.connectors.forms.sources import ExportFile, InboxFile, NamedSurveys, ResponseSource, Snapshot
from periferia_link.domain import Entity, Ref
from periferia_link.errors import ConfigurationError, RecordInvalidError
from periferia_link.transport._json import NotJsonError, loads
from periferia_link.typing import Clock, Wire

if TYPE_CHECKING:
    from periferia_link.settings import SystemSettings

__all__ = ["Forms"]

_KIND = "Survey"
_ABILITIES = Capabilities(feed="watermark", version_covers_fields=True, parallel=2)
_BAD = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Forms(Connector):
    """
    The answers to one form, as surveys. There is nothing to write: Forms has no interface for that.

    The key of an answer is ``FORM/RESPONSE``, whatever the source, so an installation may begin with an export file
    and go over to the workbook. Its version is a hash of what was answered: an edited answer is a new version. While a
    source stands still nothing of it is read.

    Args:
        source: :class:`ExportFile`, :class:`GraphWorkbook`, :class:`InboxFile`, :class:`SurveySource`, or one of yours.

        mapping: Which question is what.

        name: Instance name.

        page_size: Answers in one page.

        owned: What is closed together with the connector (a credential).
    """

    product: ClassVar[str] = "Microsoft Forms"

    def __init__(
        self,
        source: ResponseSource,
        *,
        mapping: FormMapping,
        name: str = "forms",
        page_size: int = 500,
        owned: Any = None,
    ) -> None:
        self.name = name
        self.mapping = mapping
        self._source = source
        self._page_size = page_size
        self._owned = owned
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._assumed: str | None = None

    @classmethod
    def configured(
        cls, name: str, settings: SystemSettings, *, clock: Clock | None = None, wire: Wire | None = None
    ) -> Forms:
        """
        Build the connector of one table ``[systems.…]`` of periferia.toml.

        Args:
            name: Instance name.

            settings: The table.

            clock: Source of time.

            wire: Carries the requests instead of the network.

        Raises:
            ConfigurationError: No mapping, not exactly one source, or a workbook without a credential.
        """
        options = Options.checked(name, settings.options)
        told = options.mapping
        where = f"[systems.{name}.options.mapping]"
        mapping = load_mapping(told) if isinstance(told, str) else mapping_from(told, where=where)
        more: dict[str, Any] = {"mapping": mapping, "name": name, "page_size": options.page_size}
        if options.file is not None:
            return cls(ExportFile(options.file, limits=options.limits, sheet=options.sheet), **more)
        if options.inbox is not None:
            return cls(InboxFile(options.inbox), **more)
        if options.surveys is not None:
            return cls(NamedSurveys(options.surveys, questionnaire=options.questionnaire), **more)
        from periferia_link.connectors.forms._settings import credential_of  # noqa: PLC0415 - files need none

        credential = credential_of(name, settings, clock=clock, wire=wire)
        source = GraphWorkbook(
            credential,
            drive=options.drive,
            item=options.item,
            share=options.share,
            clock=clock or SystemClock(),
            limits=options.limits,
            sheet=options.sheet,
            download_hosts=options.download_hosts,
            system=name,
            wire=wire,
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            allow_private=settings.allow_private,
            deadline=settings.deadline,
            **({"url": settings.url} if settings.url else {}),
        )
        return cls(source, owned=credential, **more)

    def close(self) -> None:
        """Close the source."""
        self._source.close()
        closing = getattr(self._owned, "close", None)
        if closing is not None:
            closing()

    @property
    def capabilities(self) -> Mapping[str, Capabilities]:
        """Surveys, to read."""
        return MappingProxyType({_KIND: _ABILITIES})

    def fingerprint(self, kind: str) -> str:
        """Return a text that changes when the mapping does."""
        self.supports(kind)
        return hashlib.blake2b(self.mapping.model_dump_json().encode(), digest_size=12).hexdigest()

    def check(self) -> SystemInfo:
        """
        Look at the source and compare its questions with the mapping.

        Raises:
            ConfigurationError: The file is not there, is no export, or lacks a question of the mapping.
            FatalConnectorError: Graph refuses.
            TransientError: Graph cannot answer now.
        """
        with _signed(self.name):
            snapshot = self._source.look()
            details = dict(snapshot.details(self.mapping))
            for raw in snapshot.responses(self.mapping):
                self._plan(raw)
                break
        details |= {"source": self._source.kind, "time zone": self.mapping.time_zone}
        # the same form from another source is the same installation: keys and ledger go on
        return SystemInfo(system_id=f"forms:{self.mapping.form}", product=self.product, details=details)

    def pull(self, kind: str, since: str | None = None) -> Iterator[Page]:
        """
        List every answer; nothing when the source is as it was at the cursor.

        Raises:
            ConfigurationError: The file is no export, is dangerous, or lacks a question of the mapping.
            ConnectorError: Graph refuses.
        """
        self.supports(kind)
        return self._pages(since)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the systems of the same installation that this one reads through."""
        return (self._source.system,) if isinstance(self._source, NamedSurveys) else ()

    def meet(self, systems: Mapping[str, Connector]) -> None:
        """
        Learn of the systems that it needs.

        Raises:
            ConfigurationError: There is none of that name.
        """
        if isinstance(self._source, NamedSurveys):
            self._source.meet(systems)

    def _pages(self, since: str | None) -> Iterator[Page]:
        with _signed(self.name):
            snapshot = self._source.look()
            if since is not None and since == snapshot.state:
                yield Page((), cursor=since, is_last=True)
                return
            self._assumed = snapshot.dates(self.mapping)
            rows: list[Row] = []
            for raw in snapshot.responses(self.mapping):
                if len(rows) == self._page_size:
                    yield Page(rows)
                    rows = []
                rows.append(self._row(raw))
            yield Page(rows, cursor=snapshot.state, is_last=True, is_scan=True)

    def _row(self, raw: RawResponse) -> Row:
        self._plan(raw)
        return Row(f"{self.mapping.form}/{raw.id}", raw.version, raw.to_body())

    def _plan(self, raw: RawResponse) -> Plan:
        return self._plan_of(raw.titles)

    def _plan_of(self, titles: tuple[str, ...]) -> Plan:
        plan = self._plans.get(titles)
        if plan is None:
            # a message may leave out what was not answered, a table never does
            plan = Plan.of(self.mapping, titles, is_whole=self._source.kind != "inbox")
            if len(self._plans) > 100:
                self._plans.clear()
            self._plans[titles] = plan
        return plan

    def decode(self, kind: str, row: Row) -> Entity:
        """
        Make a survey of a row.

        Raises:
            RecordInvalidError: The row does not fit; the message names the question and no answer.
        """
        self.supports(kind)
        ref = Ref(self.name, kind, row.key)
        try:
            body = loads(row.body) if isinstance(row.body, bytes) else row.body
            plan = self._plan_of(tuple([str(title) for title, _ in body["answers"]]))
            return survey_of(body, plan, self.mapping, ref=ref, version=row.version, dates=self._assumed)
        except ValidationError as exc:
            names = sorted({str(fault["loc"][0]) for fault in exc.errors(include_input=False) if fault["loc"]})
            reason = f"{', '.join(names) or 'the answer'} does not fit"
        except RecordInvalidError as exc:
            exc.system, exc.operation = self.name, "decode"
            raise
        except NotJsonError:
            reason = "it is no JSON object"
        except (*_BAD, ConfigurationError):
            reason = "it is no answer, or has a time that is none"
        msg = f"{kind} {row.key} cannot be read: {reason}"
        raise RecordInvalidError(msg, hint="correct it in the workbook", system=self.name, operation="decode", ref=ref)

    def get(self, kind: str, ids: Sequence[str]) -> list[Row]:
        """
        Read answers by key; missing ones are absent.

        Raises:
            ConnectorError: Graph refuses.
        """
        self.supports(kind)
        return self._among(frozenset(ids)) if ids else []

    def _among(self, ids: Collection[str]) -> list[Row]:
        found: list[Row] = []
        with _signed(self.name):
            snapshot: Snapshot = self._source.look()
            for raw in snapshot.responses(self.mapping):
                if f"{self.mapping.form}/{raw.id}" in ids:
                    found.append(self._row(raw))
                    if len(found) == len(ids):
                        break
        return found

    def find(self, kind: str, field: str, values: Sequence[str]) -> list[Row]:
        """
        Find nothing by a key of creation, for nothing is ever created here.

        Raises:
            ConfigurationError: Another field: answers are read whole, look among them.
        """
        self.supports(kind)
        if field != "create_key":
            msg = f"{self.name}: surveys are not searched by {field}"
            raise ConfigurationError(msg, hint="read them all: pull('Survey')")
        del values
        return []

    def write(self, kind: str, writes: Sequence[Write]) -> list[Outcome]:
        """
        Refuse: Forms takes no answers from programs.

        Raises:
            ConfigurationError: Always.
        """
        self.supports(kind)
        if not writes:
            return []
        msg = f"{self.name}: Microsoft Forms is read only"
        raise ConfigurationError(msg, hint="write to the CRM or the help desk instead")


class _signed:  # noqa: N801 - reads as a word in a with statement
    """Say in errors of configuration which system they are about."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ConfigurationError) and not error.message.startswith(f"{self._name}: "):
            error.message = f"{self._name}: {error.message}"
        del kind, trace
