"""One fleet for all tests: real servers, the real program over them, and every client's answers."""

import contextlib
import functools
import time

import pytest

import browser
import cases
import clients
import fleet
import model
import programs
import switching

# The table makes more calls in a second than an account may. The documented limits are tested on a service of their own.
GENEROUS = """
[rates]
DescribeSSLStatus = 1000000
DescribeDBInstances = 1000000
DescribeRoGroups = 1000000
OpenSSL = 1000000
CloseSSL = 1000000
DescribeAsyncRequestInfo = 1000000
DescribeTasks = 1000000
"""

KEYS = {
    "root": (programs.SECRET_ID, programs.SECRET_KEY),
    "wrong key": (programs.SECRET_ID, programs.SECRET_KEY[::-1]),
    "unknown": ("AKIDe2eNobodyHasThisSecretId00000000", programs.SECRET_KEY),
}


@pytest.fixture(scope="session")
def servers():
    with fleet.servers() as running:
        yield running


@pytest.fixture(scope="session")
def signet(servers, tmp_path_factory):
    """The service over the whole fleet, every observable node observed."""
    with programs.signet(tmp_path_factory.mktemp("signet") / "all", GENEROUS) as running:
        fleet.register(running, servers, fleet.INSTANCES, [fleet.RO_GROUP])
        yield running


@pytest.fixture(scope="session")
def switchable(tmp_path_factory):
    """Servers for those who switch, because the other tests want theirs as they are. Each test leaves them switched off."""
    with switching.site(tmp_path_factory.mktemp("switching")) as running:
        yield running


@pytest.fixture(scope="session")
def quiet(tmp_path_factory):
    """A service without a fleet, for those who make keys and register what nobody else should meet."""
    with programs.signet(tmp_path_factory.mktemp("quiet") / "signet", "") as running:
        yield running


@pytest.fixture(scope="session")
def chromium():
    with browser.chromium() as running:
        yield running


@pytest.fixture
def visit(chromium):
    """Lets visitors come to the console of a service. When they leave, no page may have done what no page may."""
    visitors = []
    with contextlib.ExitStack() as doors:

        def come(signet, **profile):
            visitors.append(doors.enter_context(browser.Visitor(chromium, signet, **profile)))
            return visitors[-1]

        yield come
        assert [alarm for visitor in visitors for alarm in visitor.alarms] == []


@pytest.fixture(scope="session")
def outcomes(signet):
    """Each client's outcomes, by (mode, case name). A client runs once, when the first test wants an outcome of its."""

    replica = fleet.replica(signet)

    @functools.cache
    def of(client):
        calls = [as_call(mode, case) for mode in client.modes for case in cases.CASES if can_make(client, mode, case)]
        for call in calls:
            call["params"] = {name: replica if value == fleet.REPLICA else value for name, value in call["params"].items()}
        outcomes = {}
        for batch in batches(calls):
            # SDKs sign whole seconds and no action: a write with the signature of another action is refused as a replay.
            time.sleep(1.1)
            outcomes |= client.call(signet.endpoint, batch)
        return outcomes

    return of


def batches(calls):
    """The reads, and each kind of write by itself."""
    writes = ("OpenSSL", "CloseSSL")
    kinds = [[call for call in calls if call["action"] not in writes]]
    kinds += [[call for call in calls if call["action"] == write] for write in writes]
    return [kind for kind in kinds if kind]


def can_make(client, mode, case):
    if case.json_only and mode != (clients.TC3, "POST") or case.language and not client.chooses_language:
        return False
    return mode in client.generic_modes if case.generic else True


def as_call(mode, case):
    signature, method = mode
    secret_id, secret_key = KEYS[case.who]
    call = {
        "id": call_id(mode, case),
        "action": case.action,
        "params": case.params,
        "region": "ap-guangzhou",
        "signature": signature,
        "method": method,
        "secret_id": secret_id,
        "secret_key": secret_key,
        "generic": case.generic,
    }
    return {**call, "language": case.language} if case.language else call


def call_id(mode, case):
    return f"{mode[0]} {mode[1]}: {case.name}"


@functools.cache
def vendor_model():
    return model.load_vendor(programs.CACHE / "venv" / "lib")
