"""The README, run: each command in its session, with the answers that it promises. `…` stands for anything."""

import contextlib
import os
import re
import subprocess

import pytest

import programs

README = (programs.REPOSITORY / "README.md").read_text()
BLOCK = re.compile(r"<!-- run: (?P<name>\w+) -->\n```(?:console|python)\n(?P<text>.*?)```", re.DOTALL)
BLOCKS = {found["name"]: found["text"] for found in BLOCK.finditer(README)}


@contextlib.contextmanager
def root_key_of_a_first_start(folder):
    """`signet serve` on an empty folder and a free port; yields its first lines."""
    command = [programs.built("signet"), "serve", "--data", folder / "data", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=programs.client_environment(), cwd=folder
    )
    try:
        # The four lines are written at once, so the others are there with the first.
        yield programs.next_line(process, "signet serve") + "".join(process.stdout.readline() for _ in range(3))
    finally:
        process.terminate()
        process.wait(programs.START_SECONDS)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Two servers with TLS, a service, and a shell in which the README's names mean them."""
    folder = tmp_path_factory.mktemp("readme")
    with (
        programs.database("mysql", "ec") as mysql,
        programs.database("mariadb", "ec") as mariadb,
        root_key_of_a_first_start(folder) as greeting,
    ):
        for server in (mysql, mariadb):
            server.wait()
        mysql.sql("CREATE USER 'app'@'%'")
        yield Session(folder, greeting, mysql, mariadb)


class Session:
    def __init__(self, folder, greeting, mysql, mariadb):
        self.folder, self.greeting = folder, greeting
        endpoint = re.search(r"http://(\S+)", greeting)[1]
        names = {"127.0.0.1:7780": endpoint, "127.0.0.1:33061": mysql.address, "127.0.0.1:33062": mariadb.address}
        self.names = {**names, "--port=33061": "--port=" + mysql.address.split(":")[1]}
        keys = dict(re.findall(r"export (\w+)=(\S+)", greeting))
        programs_folder = self.programs(mysql)
        self.environment = programs.client_environment(
            **keys, SIGNET_ENDPOINT=f"http://{endpoint}", HOME=str(folder), PATH=f"{programs_folder}:{os.environ['PATH']}"
        )

    def programs(self, mysql):
        """A folder for PATH with what the README's reader has installed."""
        folder = self.folder / "bin"
        folder.mkdir()
        (folder / "signet").symlink_to(programs.built("signet").resolve())
        for name in ("tccli", "python3"):
            target = programs.CACHE / "venv" / "bin" / name
            self.script(folder / name, f'exec "{target}" "$@"')
        words = " ".join(f'"{word}"' for word in mysql.client)
        self.script(folder / "mysql", f'exec {words} --no-defaults "$@"')
        return folder

    @staticmethod
    def script(path, text):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def here(self, text):
        for written, meant in self.names.items():
            text = text.replace(written, meant)
        return text

    def run(self, command, **more):
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, **more
        )


def commands(block):
    """A console block as (command, promised output)."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


def fits(output, promised):
    """Is it what the README says? Spaces may differ in number: columns are as wide as their widest text."""
    pieces = [r"\s+".join(map(re.escape, piece.split())) for piece in promised.strip().split("…")]
    return re.fullmatch(r"\s*.*?\s*".join(pieces), output.strip(), re.DOTALL)


def test_every_block_of_commands_is_run():
    assert set(BLOCKS) == {"serve", "session", "tccli", "python", "download", "probe"}
    blocks = re.findall(r"```(?:console|python)\n", README)
    assert len(blocks) == len(BLOCKS), "a block of commands without a mark is not run"


def test_a_first_start_shows_the_root_key(session):
    (_, promised), = commands(BLOCKS["serve"])
    assert fits(session.greeting, session.here(promised)), session.greeting


@pytest.mark.parametrize("name", ["session", "tccli", "download", "probe"])
def test_the_commands_do_what_the_readme_says(session, name):
    for command, promised in commands(BLOCKS[name]):
        done = session.run(["bash", "-ec", session.here(command)])
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert fits(done.stdout, session.here(promised)), f"{command}\n{done.stdout}\nis not\n{promised}"


def test_the_python_sample_prints_the_status(session):
    done = session.run(["python3", "-c", session.here(BLOCKS["python"])])
    assert (done.stdout, done.returncode) == ("ON\n", 0), done.stderr


def test_the_demo_holds(tmp_path):
    tccli = programs.CACHE / "venv" / "bin" / "tccli"
    command = [programs.built("signet"), "demo", "--once", "--tccli", tccli]
    done = subprocess.run(
        command, env=programs.client_environment(), cwd=programs.REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ('cdb-demo0001: "ON" (asked with tccli)', 'cdb-demo0002: "OFF" (asked with tccli)', "Everything held."):
        assert line in done.stdout, done.stdout
