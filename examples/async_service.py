"""A service that keeps two systems in step on the event loop, and tells over HTTP how things stand."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from periferia_link import Client, Engine, Flow, LinkError, RunReport, SqliteLedger
from periferia_link.testing import MemoryConnector

flow = Flow(
    name="partners",
    source=("crm", "Client"),
    target=("erp", "Client"),
    project=lambda client, context: Client(name=client.name, code=client.code),
)


class Service:
    """One engine, a run every few seconds, and what came of the last one."""

    def __init__(self, engine: Engine, *, every: float = 300.0) -> None:
        self.engine, self.every = engine, every
        self.last: RunReport | None = None
        self.problem: str | None = None
        self.has_run = asyncio.Event()

    async def keep_in_step(self) -> None:
        """Run for ever; a run that fails is said, and followed by another."""
        while True:
            try:
                self.last, self.problem = await self.engine.arun(flow), None
            except LinkError as error:
                self.problem = str(error)
            self.has_run.set()
            await asyncio.sleep(self.every)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say how things stand, also while a run is going; any framework does this part as well."""
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"last": self.last and self.last.to_dict(), "problem": self.problem}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Serve and run until the block ends; a request that is under way then ends first."""
        running = asyncio.create_task(self.keep_in_step())
        async with await asyncio.start_server(self.answer, "127.0.0.1", port) as server:
            yield server.sockets[0].getsockname()[1]
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def main() -> None:
    """Play one morning: a new client appears while the service is up, and somebody asks."""
    crm = MemoryConnector("crm", [Client], [Client(name="ACME S.A.S.", code="C-1")])
    erp = MemoryConnector("erp", [Client])
    with SqliteLedger.open("async_service.db") as ledger:
        service = Service(Engine({"crm": crm, "erp": erp}, ledger))
        async with service.serving() as port:
            await service.has_run.wait()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /status HTTP/1.1\r\n\r\n")
            print((await reader.read()).decode().partition("\r\n\r\n")[2])
            writer.close()


asyncio.run(main())
