"""The documented limit: 20 calls in a second, and the client's own error for the next."""

import re

import pytest

import cases
import clients
import conftest
import fleet
import programs

TOO_MANY = cases.Refused(
    "RequestLimitExceeded",
    re.compile(
        r"Your current request times equals to `\d+` in a second, which exceeds the frequency limit `20` for a second\. "
        r"Please reduce the frequency of calls\."
    ),
    re.compile(r"您当前每秒请求 `\d+` 次，超过了每秒频率上限 `20`，请稍后重试。"),
)
# Far more than a second's worth, for every client: the first refusal ends it.
ATTEMPTS = 1000


@pytest.fixture(scope="module")
def limited(servers, tmp_path_factory):
    """A service with the documented limits and one instance."""
    with programs.signet(tmp_path_factory.mktemp("signet") / "limited", "") as running:
        fleet.register(running, servers, [fleet.ON], [])
        yield running


@pytest.mark.parametrize("client", [c for c in clients.CLIENTS if c.repeats], ids=lambda client: client.name)
def test_the_21st_call_in_a_second_is_refused(limited, client):
    case = cases.Case("burst", "DescribeSSLStatus", {"InstanceId": fleet.ON.id}, TOO_MANY)
    ask = {**conftest.as_call((clients.TC3, "POST"), case), "repeat": ATTEMPTS}
    outcome = client.call(limited.endpoint, [ask])[ask["id"]]
    TOO_MANY.check(outcome, client, client.language)
