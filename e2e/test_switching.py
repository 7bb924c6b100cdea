"""The vendor's clients switch a real MySQL on and off, each as its users do: call, poll, ask."""

import subprocess
import time

import pytest

import clients
import fleet
import programs

PASSWORD = "e2eSwitchingAccount"
ID = "cdb-e2eswtch"
GROUP = "cdbrg-e2eswtch"
# These clients call by name here; the others have the actions in their models.
BY_NAME = ("go", "java", "node")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service, an instance on which nothing is switched, and its RO group on a real MySQL that starts without TLS."""
    folder = tmp_path_factory.mktemp("switching")
    rates = "[rates]\n" + "".join(f"{name} = 1000000\n" for name in ("OpenSSL", "CloseSSL", "DescribeAsyncRequestInfo", "DescribeSSLStatus"))
    with programs.database("mysql", "off") as mysql, programs.signet(folder / "data", rates) as signet:
        mysql.wait()
        mysql.sql(grants())
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        closed = fleet.Closed()
        signet.cli(
            *("instance", "add", "--id", ID, "--name", "primary", "--architecture", "two-node"),
            *("--node", f"127.0.0.1:{closed.port}", "--node", f"localhost:{closed.port}"),
        )
        signet.cli(
            *("ro-group", "add", "--instance", ID, "--id", GROUP, "--name", "replicas", "--node", mysql.address),
            *("--driver", "sql", "--sql-user", "signet", "--sql-password-file", str(password)),
        )
        programs.until(lambda: signet.has_seen(GROUP), f"an answer about {GROUP}")
        yield signet


def grants():
    """The statements that `signet instance grants` prints, on one line and with a password that is known."""
    command = [programs.built("signet"), "instance", "grants", "--sql"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if line and not line.startswith("--") and "signet_probe" not in line]
    return " ".join(lines).replace("RANDOM PASSWORD", f"'{PASSWORD}'")


class Caller:
    def __init__(self, client, service):
        self.client, self.service = client, service

    def __call__(self, action, **params):
        call = {
            "id": action,
            "action": action,
            "params": params,
            "region": "ap-guangzhou",
            "signature": clients.TC3,
            "method": "POST",
            "secret_id": programs.SECRET_ID,
            "secret_key": programs.SECRET_KEY,
            "generic": self.client.name in BY_NAME,
        }
        outcome = self.client.call(self.service.endpoint, [call])[action]
        assert "response" in outcome, outcome
        return outcome["response"]

    def finish(self, action):
        task = self(action, RoGroupId=GROUP)["AsyncRequestId"]
        for _ in range(100):
            answer = self("DescribeAsyncRequestInfo", AsyncRequestId=task)
            if answer["Status"] not in ("INITIAL", "RUNNING"):
                return task, answer
            time.sleep(0.1)
        raise AssertionError(f"the task does not end: {answer}")


@pytest.mark.parametrize("client", [c for c in clients.CLIENTS if c.name != "script"], ids=lambda c: c.name)
def test_a_client_switches_on_and_off(client, service):
    call = Caller(client, service)
    task, ended = call.finish("OpenSSL")
    assert ended["Status"] == "SUCCESS", ended
    on = call("DescribeSSLStatus", RoGroupId=GROUP)
    assert (on["Status"], on["Url"].startswith("http://")) == ("ON", True)
    listed = call("DescribeTasks", AsyncRequestId=task)["Items"]
    assert [(item["TaskStatus"], item["TaskType"], item["Progress"]) for item in listed] == [("SUCCEED", "OPEN SSL", 100)]

    # What Terraform does: it calls without looking first, and wants the same link again.
    _, again = call.finish("OpenSSL")
    assert (again["Status"], "already" in again["Info"]) == ("SUCCESS", True)

    _, ended = call.finish("CloseSSL")
    assert ended["Status"] == "SUCCESS", ended
    off = call("DescribeSSLStatus", RoGroupId=GROUP)
    assert (off["Status"], off["Url"]) == ("OFF", on["Url"])
