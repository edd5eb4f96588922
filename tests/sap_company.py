"""An emulated company and the connector to it, as most tests of the connector need them."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from pydantic import SecretStr

from periferia_link.connectors.base import Write
from periferia_link.connectors.sap_business_one import SapBusinessOne
from periferia_link.domain import Client, CostEntry, CostLine, Money, Project
from periferia_link.testing.emulators import InProcessWire, ManualClock
from periferia_link.testing.emulators.sap import SapEmulator

URL = "https://sap.example:50000"


def company() -> SapEmulator:
    """Return a company with a project, two centres with rules, one without, and an employee."""
    emulator = SapEmulator()
    whole = {"TotalInCenter": 100}
    emulator.load(
        {
            "Projects": [{"Code": "P1", "Name": "Uno", "ValidFrom": "2026-01-01"}, {"Code": "P2", "Name": "Dos"}],
            "ProfitCenters": [
                {"CenterCode": "SOFT", "CenterName": "Fábrica de software"},
                {"CenterCode": "TEST", "CenterName": "Fábrica de pruebas", "EffectiveFrom": "2020-01-01"},
                {"CenterCode": "ZONE", "CenterName": "Zona", "InWhichDimension": 2},
                {"CenterCode": "BARE", "CenterName": "Sin regla"},
            ],
            "DistributionRules": [
                {"FactorCode": "SOFT", "DistributionRuleLines": [{"CenterCode": "SOFT", **whole}]},
                {"FactorCode": "R9", "DistributionRuleLines": [{"CenterCode": "TEST", **whole}]},
                {"FactorCode": "R8", "Active": "N", "DistributionRuleLines": [{"CenterCode": "BARE", **whole}]},
                {
                    "FactorCode": "ZONE",
                    "InWhichDimension": 2,
                    "DistributionRuleLines": [{"CenterCode": "ZONE", **whole}],
                },
                {
                    "FactorCode": "HALF",
                    "DistributionRuleLines": [
                        {"CenterCode": "SOFT", "TotalInCenter": 50},
                        {"CenterCode": "BARE", "TotalInCenter": 50},
                    ],
                },
            ],
            "EmployeesInfo": [
                {
                    "FirstName": "Ana",
                    "LastName": "Rojas",
                    "ExternalEmployeeNumber": "E1",
                    "eMail": "ana@example.com",
                    "CostCenterCode": "SOFT",
                    "EmployeeCosts": "2400000",
                    "EmployeeCostUnit": "scu_Month",
                    "EmployeeCostsCurrency": "COP",
                    "StartDate": "2025-01-15",
                }
            ],
        }
    )
    return emulator


def connector(emulator: SapEmulator, clock: ManualClock, **options: Any) -> SapBusinessOne:
    """Return the connector, speaking to the emulator without sockets."""
    account = {**emulator.credentials(), **{k: options.pop(k) for k in ("username", "password") if k in options}}
    return SapBusinessOne(
        options.pop("url", URL),
        company_db=account["company_db"],
        username=account["username"],
        password=SecretStr(account["password"]),
        clock=clock,
        wire=InProcessWire({URL: emulator}, clock),
        **options,
    )


def posting(amount: str = "100000.50", **changes: Any) -> CostEntry:
    """Return a posting that the company takes."""
    line = {"account": "613595", "debit": 1, "project": "P1", "cost_centre": "SOFT", "distribution_rule": "SOFT"}
    line |= changes.pop("line", {})
    entry = CostEntry.transfer(
        Money.of(amount, changes.pop("currency", "COP")),
        debit=CostLine(**line),
        credit="510595",
        posted_on=date(2026, 11, 20),
        memo="Costo",
        reference="P1/SOFT",
        project="P1",
    )
    return entry.model_copy(update=changes)


def create(entity: Any, key: str | None = None) -> Write:
    """Return the creation of an entity with all the fields that it sets."""
    return Write(key or str(uuid.uuid4()), "create", None, entity, frozenset(entity.model_fields_set))


def update(entity: Any, *names: str, version: str | None = None) -> Write:
    """Return the change of some fields of an entity that has a ref."""
    return Write(str(uuid.uuid4()), "update", entity.ref, entity, frozenset(names), version)


def client(code: str | None = "C1", **more: Any) -> Client:
    """Return a client."""
    return Client(**({"name": "Cliente Uno", "code": code} | more))


def project(code: str = "P9", **more: Any) -> Project:
    """Return a project."""
    return Project(**({"name": "Proyecto Nueve", "code": code} | more))
