"""Pictures of the console over a fleet of real servers, in docs/screenshots/: each page in light, in dark, and on a phone.

`make screenshots` runs it. Words on its command line are the pages to take pictures of; without any it is all of them.
"""

import contextlib
import pathlib
import sys
import tempfile

import browser
import fleet
import programs
import switching

FOLDER = programs.REPOSITORY / "docs" / "screenshots"
SCREEN = {"width": 1280, "height": 1000}
MODES = {
    "light": {"viewport": SCREEN, "color_scheme": "light"},
    "dark": {"viewport": SCREEN, "color_scheme": "dark"},
    "phone": {"viewport": browser.PHONE, "color_scheme": "light"},
}

# Certificates of ours are short-lived here, so that there is one that expires soon.
CONFIG = '[ca]\nlifetime = "20d"\n'
ON, MARIADB_ON, EXPIRED = ("mysql", "ec"), ("mariadb", "rsa"), ("mariadb", "expired")
OFF, FIRST, SECOND = ("mysql", "off", "watched"), ("mysql", "off", "first"), ("mysql", "off", "second")
SERVERS = (ON, MARIADB_ON, EXPIRED, OFF, FIRST, SECOND)
CHANGED = "cdb-checkout"
INSTANCES = (
    ("cdb-orders01", "orders", (ON, MARIADB_ON), ("env=production", "team=orders")),
    ("cdb-billing1", "billing", (MARIADB_ON, OFF), ("env=production", "team=billing")),
    ("cdb-archive1", "archive", (ON, fleet.Closed()), ("env=staging",)),
    ("cdb-ledger01", "ledger", (EXPIRED, ON), ("env=production",)),
    ("cdb-wiki0001", "wiki", (OFF, SECOND), ()),
    (CHANGED, "checkout", (FIRST, SECOND), ("env=production", "team=orders")),
)
GROUP = ("ro-group", "add", "--id", "cdbrg-orders01", "--name", "orders reports", "--instance", "cdb-orders01")

PAGES = {
    "sign-in": "sign-in",
    "fleet": "",
    "instance": f"instances/{CHANGED}",
    "mixed": "instances/cdb-billing1",
    "question": f"instances/{CHANGED}/rotate",
    "tasks": "tasks",
    "explorer": "explorer/cdb/DescribeSSLStatus?InstanceId=cdb-orders01&.region=ap-guangzhou",
    "actions": "explorer",
    "doctor": "doctor",
    "keys": "keys",
    "audit": "audit",
    "reference": "reference/cdb",
}


@contextlib.contextmanager
def demonstration(folder):
    """The service over real servers, of which it switched two."""
    with contextlib.ExitStack() as stack:
        servers = {server: stack.enter_context(programs.database(*server[:2])) for server in SERVERS}
        for server in servers.values():
            server.wait()
        for server in (FIRST, SECOND):
            for statement in switching.grants():
                servers[server].sql(statement)
        signet = stack.enter_context(programs.signet(folder / "signet", CONFIG))
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(switching.PASSWORD)
        for instance in INSTANCES:
            register(signet, servers, password, *instance)
        signet.cli(*GROUP, "--node", servers[MARIADB_ON].address)
        signet.cli("open-ssl", CHANGED, "--wait")
        signet.try_cli("open-ssl", "cdb-orders01")
        yield signet


def register(signet, servers, password, name, title, nodes, tags):
    words = ["--id", name, "--name", title, "--architecture", "two-node"]
    words += [word for node in nodes for word in ("--node", fleet.address(node, servers))]
    words += [word for tag in tags for word in ("--tag", tag)]
    if name == CHANGED:
        words += ["--driver", "sql", "--sql-user", switching.ACCOUNT, "--sql-password-file", str(password)]
    signet.cli("instance", "add", *words)
    signet.try_cli("probe-now", name)


def take(visitor, name, mode):
    """Pictures of a page: of the first screen, and of the whole."""
    if name != "sign-in":
        visitor.sign_in()
    visitor.open(PAGES[name])
    if name == "explorer":
        visitor.press("Call")
    if name == "doctor":
        visitor.open(PAGES["explorer"])
        request = visitor.page.locator("#request code").inner_text()
        browser.examine(visitor, request.replace("cdb-orders01", "cdb-orders02"))
    visitor.page.screenshot(path=FOLDER / f"{name}-{mode}.png")
    visitor.page.screenshot(path=FOLDER / f"{name}-{mode}-whole.png", full_page=True)


def main(wanted):
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demonstration(pathlib.Path(folder)) as signet, browser.chromium() as chromium:
        for mode, profile in MODES.items():
            for name in wanted or PAGES:
                with browser.Visitor(chromium, signet, **profile) as visitor:
                    take(visitor, name, mode)
                    assert visitor.alarms == [], (name, mode, visitor.alarms)


if __name__ == "__main__":
    main(sys.argv[1:])
