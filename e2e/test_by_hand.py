"""Somebody switches TLS off on a server, behind everybody's back: who asks afterwards gets the truth."""

import pytest

import cases
import clients
import conftest
import fleet
import programs

ASK = conftest.as_call((clients.TC3, "POST"), cases.Case("ask", "DescribeSSLStatus", {"InstanceId": fleet.ON.id}, None))
PYTHON = clients.CLIENTS[0]


@pytest.fixture
def servers():
    """Servers of our own, because the other tests want theirs as they are."""
    with fleet.servers() as running:
        yield running


def switch_off(server):
    server.sql("SET PERSIST tls_version=''")
    server.sql("ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR")


def status(signet):
    return cases.answer_of(PYTHON.call(signet.endpoint, [ASK])[ASK["id"]])["Status"]


def test_the_next_probe_sees_it(servers, tmp_path):
    with programs.signet(tmp_path / "signet", 'probe_interval = "1s"\n') as signet:
        fleet.register(signet, servers, [fleet.ON], [])
        assert status(signet) == "ON"
        switch_off(servers[fleet.MYSQL_ON])
        programs.until(lambda: status(signet) == "OFF", "Status OFF", seconds=15)


def test_probe_now_sees_it_at_once(servers, tmp_path):
    with programs.signet(tmp_path / "signet", 'probe_interval = "1h"\nstale_after = "3h"\n') as signet:
        fleet.register(signet, servers, [fleet.ON], [])
        switch_off(servers[fleet.MYSQL_ON])
        # Nobody has looked since, and a read never does.
        assert status(signet) == "ON"
        signet.cli("call", "signet", "ProbeNow", "--InstanceId", fleet.ON.id)
        assert status(signet) == "OFF"
