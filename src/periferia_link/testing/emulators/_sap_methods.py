"""Service methods of the emulated Service Layer: the company, rates, previews, drafts, subprojects."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from periferia_link.testing.emulators._sap_call import Call
from periferia_link.testing.emulators._sap_documents import DOCUMENTS, Documents
from periferia_link.testing.emulators._sap_journal import Journal
from periferia_link.testing.emulators._sap_reads import Reads
from periferia_link.testing.emulators._sap_refusals import Refusal
from periferia_link.testing.emulators._sap_tables import TABLES
from periferia_link.testing.emulators._sap_wire import read_amount, read_date
from periferia_link.typing import Response

__all__ = ["Methods"]

_SUBPROJECTS = TABLES["ProjectManagementSubprojects"]


class Methods:
    """What can be called by name: ``POST CompanyService_GetAdminInfo``."""

    def __init__(self, journal: Journal, documents: Documents, reads: Reads) -> None:
        self.journal = journal
        self.documents = documents
        self.reads = reads
        self.by_name: dict[str, Callable[[Call], Response]] = {
            "CompanyService_GetAdminInfo": self._admin_info,
            "CompanyService_GetCompanyInfo": self._company_info,
            "LicenseService_GetInstallationNumber": self._installation,
            "ProfitCentersService_GetProfitCenterList": self._centres,
            "SBOBobService_GetLocalCurrency": lambda call: _value(call, "Edm.String", journal.currency),
            "SBOBobService_GetSystemCurrency": lambda call: _value(call, "Edm.String", self._system_currency),
            "SBOBobService_GetCurrencyRate": self._rate,
            "SBOBobService_SetCurrencyRate": self._set_rate,
            "DraftsService_SaveDraftToDocument": self._save_draft,
            "ActivitiesService_GetActivity": self._activity,
            "ProjectManagementService_GetSubprojectsList": self._subprojects,
            "ProjectManagementService_AddSubproject": self._add_subproject,
            "ProjectManagementService_UpdateSubproject": self._update_subproject,
            "ProjectManagementService_DeleteSubproject": self._delete_subproject,
            **{f"{name}Service_Preview": self._preview for name in DOCUMENTS},
        }
        self.about: dict[str, Any] = {
            "CompanyName": "Periferia IT Group S.A.S.",
            "Country": "CO",
            "FederalTaxID": "900123456-8",
            "Version": "1000280",
            "InstallationNumber": "0020999001",
        }

    @property
    def _system_currency(self) -> str:
        return self.journal.system_currency or self.journal.currency

    def _admin_info(self, call: Call) -> Response:
        about = {name: self.about[name] for name in ("CompanyName", "Country", "FederalTaxID")}
        books = {"LocalCurrency": self.journal.currency, "SystemCurrency": self._system_currency}
        body = about | books | {"TotalsAccuracy": self.journal.decimals, "RateAccuracy": 4}
        return call.edition.answer(200, call.edition.context("SAPB1.AdminInfo") | body)

    def _company_info(self, call: Call) -> Response:
        body = {name: self.about[name] for name in ("CompanyName", "Version")} | {"Localization": "lColombia"}
        return call.edition.answer(200, call.edition.context("SAPB1.CompanyInfo") | body)

    def _installation(self, call: Call) -> Response:
        return _value(call, "Edm.String", self.about["InstallationNumber"])

    def _centres(self, call: Call) -> Response:
        rows = self.journal.company.books["ProfitCenters"].values()
        value = [{name: row[name] for name in ("CenterCode", "CenterName")} for row in rows]
        return _value(call, "Collection(SAPB1.ProfitCenterParams)", value)

    # ------------------------------------------------------------------ rates of exchange

    def _rate(self, call: Call) -> Response:
        """Answer a rate: a bare number in v1 (seen in public code), a ``value`` in v2."""
        asked = call.json()
        rate = self.journal.rate(str(asked.get("Currency") or ""), read_date(asked.get("Date"), "Date"))
        if not call.edition.is_v2:
            return call.edition.answer(200, rate)
        return _value(call, "Edm.Double", rate)

    def _set_rate(self, call: Call) -> Response:
        asked = call.json()
        rate: Decimal = read_amount(asked.get("Rate"), "Rate")
        self.journal.set_rate(str(asked.get("Currency") or ""), read_date(asked.get("RateDate"), "RateDate"), rate)
        return call.edition.answer(204)

    # ------------------------------------------------------------------ documents and activities

    def _preview(self, call: Call) -> Response:
        table = TABLES[call.resource.partition("Service_")[0]]
        document = self.documents.preview(table, _inner(call, "Document"), call.now)
        shown = call.edition.record(table, document)
        return call.edition.answer(200, call.edition.context(f"{table.name}/$entity") | shown)

    def _save_draft(self, call: Call) -> Response:
        self.documents.save_draft(str(_inner(call, "Document").get("DocEntry")), call.now)
        return call.edition.answer(204)

    def _activity(self, call: Call) -> Response:
        number = str(_inner(call, "ActivityParams").get("ActivityCode"))
        return self.reads.one(call.edition, TABLES["Activities"], number, {})

    # ------------------------------------------------------------------ subprojects

    def _subprojects(self, call: Call) -> Response:
        project = str(_inner(call, "PM_SubprojectParams").get("AbsEntry"))
        rows = self.journal.company.books[_SUBPROJECTS.name].values()
        value = [
            {name: row[name] for name in ("AbsEntry", "SubprojectName", "ParentID")}
            for row in rows
            if str(row["ProjectID"]) == project
        ]
        return _value(call, "Collection(SAPB1.PM_SubprojectParams)", value)

    def _add_subproject(self, call: Call) -> Response:
        body = _inner(call, "PM_SubprojectDocumentData")
        self.journal.must_exist("ProjectManagements", str(body.get("ProjectID") or ""))
        record = self.journal.company.create(_SUBPROJECTS, body, call.now)
        shown = {name: record[name] for name in ("AbsEntry", "SubprojectName")}
        return call.edition.answer(200, call.edition.context("SAPB1.PM_SubprojectDocumentParams") | shown)

    def _update_subproject(self, call: Call) -> Response:
        body = _inner(call, "PM_SubprojectDocumentData")
        company = self.journal.company
        record = company.find(_SUBPROJECTS, str(body.get("AbsEntry")))
        if record is None:
            raise Refusal.NOT_FOUND.error()
        company.change(_SUBPROJECTS, record, body, call.now)
        return call.edition.answer(204)

    def _delete_subproject(self, call: Call) -> Response:
        number = str(_inner(call, "PM_SubprojectDocumentParams").get("AbsEntry"))
        if self.journal.company.find(_SUBPROJECTS, number) is None:
            raise Refusal.NOT_FOUND.error()
        self.journal.company.remove(_SUBPROJECTS, number)
        return call.edition.answer(204)


def _inner(call: Call, name: str) -> dict[str, Any]:
    """Return the one parameter of a service method."""
    value = call.json().get(name)
    if not isinstance(value, dict):
        raise Refusal.PROPERTY.error(name=name, entity=call.resource)
    return value


def _value(call: Call, kind: str, value: object) -> Response:
    return call.edition.answer(200, call.edition.context(kind) | {"value": value})
