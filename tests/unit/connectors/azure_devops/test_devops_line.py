"""The line to Azure DevOps: sign-in pages, pacing by good answers, an organisation that is stopped."""

from __future__ import annotations

import pytest

from azure_devops_world import World
from periferia_link.errors import (
    AuthenticationError,
    ContractBrokenError,
    FatalConnectorError,
    OriginError,
    ThrottledError,
)


@pytest.fixture
def world():
    return World()


class TestSignInPages:
    @pytest.mark.parametrize("status", [200, 203])
    def test_a_page_is_a_matter_of_credentials(self, world, status):
        """203 and a page, or 200 and a page: AuthenticationError, never an empty list."""
        world.line.next("html", on="read", status=status)
        with pytest.raises(AuthenticationError):
            world.devops.check()

    def test_a_redirect_to_sign_in_as_well(self, world):
        """302 to a sign-in host is a matter of credentials; to anywhere else it is a wrong address."""
        world.line.next("redirect", on="read", location="https://spsprodsin1.vssps.visualstudio.com/_signin?x=1")
        with pytest.raises(AuthenticationError):
            world.devops.check()
        world.line.next("redirect", on="read", location="https://elsewhere.example/")
        with pytest.raises(OriginError):
            world.devops.check()

    def test_a_plain_404_is_the_wrong_address(self, world):
        """text/plain instead of the envelope."""
        headers = {"Content-Type": "text/plain"}
        world.line.next("status", on="read", status=404, body="The controller was not found", headers=headers)
        with pytest.raises(ContractBrokenError):
            world.devops.check()

    def test_a_stopped_organisation_is_not_asked_three_times(self, world):
        """503 TF24668 behind a BOM: no retry helps, one request is enough."""
        world.service.stopped = True
        with pytest.raises(FatalConnectorError) as stopped:
            world.devops.check()
        assert ("TF24668", 503) == (stopped.value.code, stopped.value.status_code)
        assert 1 == len(world.service.log)

    def test_an_expired_bearer_is_renewed_in_reads(self, world):
        """203 and a page: the token is dropped, and the same read succeeds with the next one."""
        from periferia_link.transport._auth import IssuedToken

        entra, given = world.service.entra, []

        class Tokens:
            def get_token(self, *scopes, **_):
                given.append(scopes)
                token = "expired"
                if len(given) > 1:
                    client = entra.credentials()["client_id"]
                    token = entra._issue("499b84ac-1321-427f-aa17-267ca6975798", client, world.clock)
                return IssuedToken(token, 2**31)

            def forget(self, token):
                assert "expired" == token

        with world.connect(credential=Tokens()) as devops:
            assert world.service.org.key == devops.check().system_id
        assert ("499b84ac-1321-427f-aa17-267ca6975798/.default",) == given[0]
        assert [203, 200, 200, 200] == [entry.status for entry in world.service.log]


class TestPacing:
    def test_a_good_answer_that_asks_for_time_is_not_repeated(self, world):
        """200 with Retry-After: the answer counts, and the next request waits."""
        world.service.limits.units = 4
        began = world.clock.now()
        for _ in range(4):
            world.devops.get("WorkItem", ["1"])
        assert 4 == len(world.service.log)
        assert 0 == (world.clock.now() - began).total_seconds()
        world.service.limits.units = None
        world.devops.get("WorkItem", ["1"])
        assert 5 == len(world.service.log)
        assert 5 == (world.clock.now() - began).total_seconds()

    def test_429_waits_as_long_as_it_says(self, world):
        """TF400733: the gate waits for Retry-After, then the read is tried again."""
        world.line.next("throttle", on="read", retry_after="17")
        began = world.clock.now()
        world.devops.get("WorkItem", ["1"])
        assert 17 == (world.clock.now() - began).total_seconds()

    def test_429_for_ever_ends(self, world):
        """Three attempts, then ThrottledError."""
        for _ in range(3):
            world.line.next("throttle", on="read", retry_after="1")
        with pytest.raises(ThrottledError):
            world.devops.get("WorkItem", ["1"])

    def test_limits_that_run_out_slow_down_before_the_block(self, world):
        """Paced by what the answers say, a long pull never meets a 429."""
        world.service.limits.units = 8
        world.service.limits.window = 10.0
        for number in range(30):
            world.item(str(number))
        with world.connect(page_size=1) as devops:
            keys = [row.key for page in devops.pull("WorkItem") for row in page.rows]
        assert 30 == len(keys)
        assert 429 not in {entry.status for entry in world.service.log}
