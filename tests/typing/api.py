"""
The public API as a type checker sees it: checked by mypy and pyright, never run.

A line that stops checking is a change of the public types.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from typing_extensions import assert_type

import periferia_link as pl
from periferia_link.connectors.base import Outcome, Page, Row, SystemInfo, Write
from periferia_link.domain import CostLine, Entity, Rate
from periferia_link.errors import ConnectorError

assert_type(pl.__version__, str)

money = pl.Money.of("100.01", "COP")
assert_type(money.split([1, Decimal("0.5")]), list[pl.Money])
assert_type(money + money * 2, pl.Money)
assert_type(pl.Money.sum([money], "COP"), pl.Money)
assert_type(pl.TaxId.parse("900123456-8"), pl.TaxId | None)
assert_type(pl.Period.of(date(2026, 11, 21)).first, date)
assert_type(pl.Ref.parse("crm:Client:1").kind, str)

client = pl.Client(name="ACME", tax_id=pl.TaxId.parse("900123456"))
assert_type(client.references(), dict[str, pl.Ref])
assert_type(client.updated_at is None, bool)
employee = pl.Employee(code="E7", name="Ana", rates=(Rate(valid_from=date(2026, 1, 1), hourly=money),))
assert_type(employee.rate_on(date(2026, 1, 2)), pl.Money)
posting = pl.CostEntry.transfer(
    money, debit=CostLine(account="5105", debit=Decimal(1)), credit="7205", posted_on=date.today()
)
assert_type(posting.lines, tuple[CostLine, ...])


def script(system: pl.Connector) -> None:
    assert_type(system.check(), SystemInfo)
    assert_type(system.pull("Client"), Iterator[Page])
    assert_type(system.get("Client", ["1"]), list[Row])
    assert_type(system.each("Client"), Iterator[Entity])
    assert_type(system.supports("Client"), pl.Capabilities)
    assert_type(system.write("Client", [Write("key", "create", entity=client)]), list[Outcome])
    try:
        assert_type(system.save(client), pl.Ref)
    except ConnectorError as error:
        assert_type(error.retry_after, float | None)
    except pl.LinkError as error:
        assert_type(error.hint, str | None)


def project(found: pl.Client, context: object) -> pl.Client:
    return pl.Client(name=found.name)


def runs(engine: pl.Engine, flow: pl.Flow) -> None:
    plan = engine.plan([flow])
    assert_type(plan, pl.Plan)
    assert_type(engine.apply(plan, [flow]), pl.RunReport)
    assert_type(engine.run([flow]), pl.RunReport)


async def runs_async(engine: pl.Engine, flow: pl.Flow) -> None:
    plan = await engine.aplan([flow])
    assert_type(plan, pl.Plan)
    assert_type(await engine.aapply(plan, [flow]), pl.RunReport)
    assert_type(await engine.arun([flow]), pl.RunReport)


mine = pl.Flow(name="mine", source=("crm", "Client"), target=("erp", "Client"), project=project)
assert_type(mine.but(version=2), pl.Flow)
