"""
Microsoft's own SDK for Graph works against our stand-in, over TLS.

``pip install msgraph-sdk trustme``; everything goes over loopback.
"""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

pytest.importorskip("msgraph", reason="msgraph-sdk is missing")
pytest.importorskip("trustme", reason="trustme is missing")

from periferia_link.clock import SystemClock
from periferia_link.testing.emulators import TlsIdentity, host
from periferia_link.testing.emulators.graph import GraphEmulator

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return TlsIdentity.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def graph(tls, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", tls.ca_file)
    emulator = GraphEmulator()
    with host(emulator, tls=tls), host(emulator.downloads, tls=tls):
        yield emulator


def asked(graph, call):
    """Run one call of the SDK, in a loop of its own."""
    from azure.core.credentials import AccessToken
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph_core import GraphClientFactory

    entra = graph.entra
    token = entra._issue("https://graph.microsoft.com", entra.credentials()["client_id"], SystemClock())

    class Credential:
        def get_token(self, *_, **__):
            return AccessToken(token, int(time.time()) + 3600)

    scopes = ["https://graph.microsoft.com/.default"]
    names = ["localhost", "127.0.0.1"]
    provider = AzureIdentityAuthenticationProvider(Credential(), scopes=scopes, allowed_hosts=names)

    async def run():
        client = GraphClientFactory.create_with_default_middleware()
        try:
            adapter = GraphRequestAdapter(provider, client=client)
            adapter.base_url = f"{graph.base_url}/v1.0"
            return await call(GraphServiceClient(request_adapter=adapter).drives.by_drive_id(graph.drive.key))
        finally:
            await client.aclose()

    try:
        return asyncio.run(run())
    finally:
        gc.collect()  # the SDK leaves sockets to the collector, which warns; here that is allowed


class TestFiles:
    def test_drive_item_and_content(self, graph):
        """The drive, the metadata of a file, and its bytes from the other host, without the bearer there."""
        item = graph.put_file("Encuestas/r.csv", b"ID,x\n1,2\n", SystemClock())

        async def call(drive):
            told = await drive.get()
            found = await drive.items.by_drive_item_id(item["id"]).get()
            body = await drive.items.by_drive_item_id(item["id"]).content.get()
            return told.drive_type, found.name, found.c_tag, found.size, body

        assert ("business", "r.csv", item["cTag"], 9, b"ID,x\n1,2\n") == asked(graph, call)
        assert 200 == graph.downloads.log[-1].status

    def test_delta(self, graph):
        """The feed, to its token, over several pages."""
        for number in range(5):
            graph.put_file(f"f{number}.csv", b"x", SystemClock())
        graph.page_size = 2

        async def call(drive):
            feed = drive.items.by_drive_item_id("root").delta
            page, names = await feed.get(), []
            while True:
                names += [item.name for item in page.value]
                if page.odata_next_link is None:
                    return names, page.odata_delta_link
                page = await feed.with_url(page.odata_next_link).get()

        names, link = asked(graph, call)
        assert {"root", *(f"f{number}.csv" for number in range(5))} == set(names)
        assert "token=" in link

    def test_refusals(self, graph):
        """Errors are the SDK's own, with our codes."""
        from msgraph.generated.models.o_data_errors.o_data_error import ODataError

        async def call(drive):
            try:
                await drive.items.by_drive_item_id("nada").get()
            except ODataError as exc:
                return exc.response_status_code, exc.error.code

        assert (404, "itemNotFound") == asked(graph, call)
