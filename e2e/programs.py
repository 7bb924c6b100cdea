"""Real processes: database servers of the lab, and the program under test. Each ends with its `with` block."""

import contextlib
import json
import os
import pathlib
import re
import select
import subprocess
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent
CACHE = pathlib.Path(os.environ.get("SIGNET_E2E_CACHE", REPOSITORY / ".cache" / "e2e"))
START_SECONDS = 60
LISTENS = re.compile(r"Signet listens on http://(?P<endpoint>127\.0\.0\.1:\d+)\n")

SECRET_ID = "AKIDe2eRootKeyOfTheClientTests000000"
SECRET_KEY = "e2eRootSecretOfTheClientTests0000"


def built(name):
    """The path of one of our programs: `SIGNET_BIN` for signet, `LAB_SERVER_BIN` for lab-server, else the debug build."""
    variable = name.upper().replace("-", "_") + "_BIN"
    path = pathlib.Path(os.environ.get(variable, REPOSITORY / "target" / "debug" / name))
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: build it (cargo build) or set {variable}")
    return path


class Database:
    """A real MySQL or MariaDB, run by lab-server: see there for what it prints and reads."""

    def __init__(self, process, what):
        self.process = process
        self.what = what

    def wait(self):
        """Waits until it answers, and reads where it is."""
        here = self.line()
        self.address, self.ca, self.client = f"{here['Host']}:{here['Port']}", here["Ca"], here["Client"]
        self.socket = here["Socket"]

    def sql(self, statement):
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        answer = self.line()
        if "Error" in answer:
            raise RuntimeError(f"{self.what}: {statement}: {answer['Error']}")
        return answer["Output"]

    @contextlib.contextmanager
    def locked(self, table):
        """Lets everybody who reads the table wait for the end of the `with` block."""
        command = [*self.client, "--no-defaults", f"--socket={self.socket}", "--user=root", "--unbuffered", "--skip-column-names"]
        session = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            session.stdin.write(f"LOCK TABLES {table} WRITE; SELECT 'locked';\n")
            session.stdin.flush()
            assert next_line(session, f"{self.what}: LOCK TABLES {table}") == "locked\n"
            yield
        finally:
            # A lock ends with its session.
            session.communicate(timeout=START_SECONDS)

    def line(self):
        return json.loads(next_line(self.process, self.what))


def next_line(process, what):
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line:
        process.kill()
        raise RuntimeError(f"{what}: no line within {START_SECONDS} s, exit status {process.wait()}")
    return line


@contextlib.contextmanager
def database(kind, tls):
    """Starts a `mysql` or `mariadb` with that TLS; it answers once `wait` has returned."""
    process = subprocess.Popen(
        [built("lab-server"), kind, "--tls", tls], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Database(process, f"lab-server {kind} --tls {tls}")
    finally:
        # The end of its input is how lab-server is told to stop.
        process.stdin.close()
        process.wait(START_SECONDS)


class Signet:
    """A running `signet serve`, and the command line that talks to it."""

    def __init__(self, endpoint, data):
        self.endpoint = endpoint
        self.data = data

    def url(self, path):
        return f"http://{self.endpoint}{path}"

    def cli(self, *words):
        """Runs one command and returns its JSON answer."""
        done = self.try_cli(*words)
        if done.returncode != 0:
            raise RuntimeError(f"signet {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def try_cli(self, *words):
        environment = client_environment(
            SIGNET_ENDPOINT=self.url(""), TENCENTCLOUD_SECRET_ID=SECRET_ID, TENCENTCLOUD_SECRET_KEY=SECRET_KEY
        )
        command = [built("signet"), *words, "--format", "json"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def audit(self):
        """The lines of the audit log."""
        return [json.loads(line) for line in (self.data / "audit.jsonl").read_text().splitlines()]

    def has_seen(self, name):
        """Does it have an answer about an instance or a group, which it has once every node was observed?"""
        return self.try_cli("status", name).returncode == 0

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url("/readyz"), timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False


@contextlib.contextmanager
def signet(directory, config):
    """`signet serve` on a free port, with its data and its log below `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "signet.toml").write_text(config)
    command = [built("signet"), "serve", "--data", directory / "data", "--listen", "127.0.0.1:0"]
    command += ["--config", directory / "signet.toml"]
    environment = client_environment(SIGNET_ROOT_SECRET_ID=SECRET_ID, SIGNET_ROOT_SECRET_KEY=SECRET_KEY)
    with open(directory / "signet.log", "wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
        )
    what = f"signet serve ({directory / 'signet.log'})"
    try:
        running = Signet(LISTENS.fullmatch(next_line(process, what))["endpoint"], directory / "data")
        until(running.is_ready, what, process)
        yield running
    finally:
        process.terminate()
        status = process.wait(START_SECONDS)
    if status != 0:
        raise RuntimeError(f"signet serve ended with {status}: {directory / 'signet.log'}")


def client_environment(**more):
    """Ours without proxies and without anybody's keys: both would change what a client sends."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("TENCENTCLOUD_", "TCCLI_", "SIGNET_"))
    }
    # The tests may run as root, which `signet serve` refuses by itself.
    return {**kept, "SIGNET_ALLOW_ROOT": "1", **more}


def until(condition, what, process=None, seconds=START_SECONDS):
    """Waits for a condition; a process that ended before it never will fulfil it."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process and process.poll() is not None:
            raise RuntimeError(f"{what} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
