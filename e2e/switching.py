"""What the tests switch: a two-node instance and an RO group of two, by SQL, on real MySQL servers that start without TLS."""

import contextlib
import dataclasses
import subprocess

import programs

ACCOUNT, PASSWORD = "signet", "e2eSwitchingAccount"
# Whoever uses the databases; what is checked is that it gets in over TLS, and to whom.
USER = "application"

# A statement that waits for a lock is waited for.
CONFIG = 'probe_timeout = "60s"\n'


@dataclasses.dataclass(frozen=True)
class Subject:
    id: str
    parameter: str

    @property
    def params(self):
        return {self.parameter: self.id}


INSTANCE = Subject("cdb-e2eswtch", "InstanceId")
GROUP = Subject("cdbrg-e2eswtch", "RoGroupId")
SUBJECTS = (INSTANCE, GROUP)


@dataclasses.dataclass(frozen=True)
class Site:
    """The service, and each subject's servers."""

    signet: programs.Signet
    servers: dict


@contextlib.contextmanager
def site(folder):
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(programs.database("mysql", "off")) for _ in range(4)]
        for server in running:
            server.wait()
            for statement in grants():
                server.sql(statement)
        signet = stack.enter_context(programs.signet(folder / "signet", CONFIG))
        servers = {INSTANCE: running[:2], GROUP: running[2:]}
        register(signet, servers, folder)
        yield Site(signet, servers)


def grants():
    """What `signet instance grants` prints for the `sql` driver, with a password that is known; and a user's account."""
    done = subprocess.run([programs.built("signet"), "instance", "grants", "--sql"], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if f"'{ACCOUNT}'" in line]
    assert len(lines) == 5, done.stdout
    return [line.replace("RANDOM PASSWORD", f"'{PASSWORD}'") for line in lines] + [f"CREATE USER '{USER}'@'%'"]


def register(signet, servers, folder):
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    driver = ("--driver", "sql", "--sql-user", ACCOUNT, "--sql-password-file", str(password))

    def nodes(subject):
        return [word for server in servers[subject] for word in ("--node", server.address)]

    kind = ("--id", INSTANCE.id, "--name", "switched", "--architecture", "two-node")
    signet.cli("instance", "add", *kind, *nodes(INSTANCE), *driver)
    kind = ("--id", GROUP.id, "--name", "switched", "--instance", INSTANCE.id)
    signet.cli("ro-group", "add", *kind, *nodes(GROUP), *driver)
    for subject in SUBJECTS:
        programs.until(lambda: signet.has_seen(subject.id), f"an answer about {subject.id}")
