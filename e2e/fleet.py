"""The instances that the tests ask about, and the real servers behind them."""

import contextlib
import dataclasses
import socket

import programs


@dataclasses.dataclass(frozen=True)
class Node:
    kind: str
    tls: str


@dataclasses.dataclass(frozen=True)
class Instance:
    id: str
    name: str
    architecture: str
    nodes: tuple


@dataclasses.dataclass(frozen=True)
class RoGroup:
    id: str
    name: str
    instance: Instance
    node: Node


class Closed:
    """A port on which nothing listens, and nothing will: it is bound as long as the tests run."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]


# The servers: one of each kind with TLS, one of each without.
MYSQL_ON, MARIADB_ON = Node("mysql", "ec"), Node("mariadb", "rsa")
MYSQL_OFF, MARIADB_OFF = Node("mysql", "off"), Node("mariadb", "off")
SERVERS = (MYSQL_ON, MARIADB_ON, MYSQL_OFF, MARIADB_OFF)

ON = Instance("cdb-e2e0on00", "orders", "two-node", (MYSQL_ON, MARIADB_ON))
OFF = Instance("cdb-e2e0off0", "wiki", "two-node", (MYSQL_OFF, MARIADB_OFF))
MIXED = Instance("cdb-e2emixed", "billing", "two-node", (MYSQL_ON, MARIADB_OFF))
DOWN = Instance("cdb-e2e0down", "archive", "two-node", (MYSQL_ON, Closed()))
SINGLE_NODE = Instance("cdb-e2e1node", "scratch", "single-node", (MYSQL_ON,))
CLUSTER = Instance("cdb-e2eclust", "events", "cluster", (MYSQL_ON, MARIADB_ON))
INSTANCES = (ON, OFF, MIXED, DOWN, SINGLE_NODE, CLUSTER)

RO_GROUP = RoGroup("cdbrg-e2e0on00", "reports", ON, MARIADB_ON)
# Stands in a call's parameters for the id of the group's read-only instance, which only the registration gives it.
REPLICA = "<the read-only instance>"

# What DescribeSSLStatus has an answer about, once the nodes were observed.
OBSERVABLE = (ON, OFF, MIXED, RO_GROUP)


@contextlib.contextmanager
def servers():
    """Starts the real servers, all at the same time, and yields them by node."""
    with contextlib.ExitStack() as stack:
        running = {node: stack.enter_context(programs.database(node.kind, node.tls)) for node in SERVERS}
        for server in running.values():
            server.wait()
        yield running


def address(node, running):
    if isinstance(node, Closed):
        return f"127.0.0.1:{node.port}"
    return running[node].address


def register(signet, running, instances, groups):
    """Registers everything and waits until every node that can be observed has been."""
    for instance in instances:
        words = ["instance", "add", "--id", instance.id, "--name", instance.name, "--architecture", instance.architecture]
        for node in instance.nodes:
            words += ["--node", address(node, running)]
        assert signet.cli(*words)["InstanceId"] == instance.id
    for group in groups:
        words = ["ro-group", "add", "--id", group.id, "--name", group.name, "--instance", group.instance.id]
        assert signet.cli(*words, "--node", address(group.node, running))["RoGroupId"] == group.id
    for one in (*instances, *groups):
        if one in OBSERVABLE:
            programs.until(lambda: signet.has_seen(one.id), f"an answer about {one.id}")


def replica(signet):
    """The id of the read-only instance."""
    groups = signet.cli("call", "cdb", "DescribeRoGroups", "--InstanceId", ON.id)["RoGroups"]
    return groups[0]["RoInstances"][0]["InstanceId"]
