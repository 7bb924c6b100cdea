"""What the resource `tencentcloud_mysql_ssl` of the vendor's Terraform provider does, call by call: clients/go/terraform."""

import concurrent.futures
import json
import re
import subprocess
import time

import pytest

import cases
import clients
import programs
from switching import SUBJECTS

EVERY_SUBJECT = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.parameter)


def terraform(site, *operations):
    """Runs the operations, one word or (word, id, status) each; what Terraform's state is after each of them."""
    order = {
        # The endpoint is made of the service's name and this.
        "domain": f"signet.example:{site.signet.endpoint.split(':')[1]}",
        "address": site.signet.endpoint,
        "secret_id": programs.SECRET_ID,
        "secret_key": programs.SECRET_KEY,
        "operations": [dict(zip(("do", "id", "status"), operation)) for operation in operations],
    }
    # SDKs sign whole seconds: the same write as that of an earlier run, in the same second, would be taken for its retry.
    time.sleep(1.1)
    done = subprocess.run(
        [programs.CACHE / "go" / "terraform"],
        input=json.dumps(order),
        env=programs.client_environment(),
        capture_output=True,
        text=True,
        timeout=clients.BATCH_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@EVERY_SUBJECT
def test_nothing_drifts_and_url_is_there_in_both_states(switchable, subject):
    on, off, refresh = ("apply", subject.id, "ON"), ("apply", subject.id, "OFF"), ("refresh", subject.id)
    created, first, second, closed, again = terraform(switchable, on, refresh, refresh, off, refresh)
    opened, _ = terraform(switchable, on, off)
    assert (created["status"], bool(cases.link(subject.id).fullmatch(created["url"]))) == ("ON", True)
    assert first == second == created
    assert closed == again == {**created, "status": "OFF"}
    assert opened == created


@EVERY_SUBJECT
def test_a_resource_can_be_created_where_everything_is_so_already(switchable, subject):
    states = terraform(switchable, *(("apply", subject.id, status) for status in ("ON", "ON", "OFF", "OFF")))
    assert [state["status"] for state in states] == ["ON", "ON", "OFF", "OFF"]
    assert len({state["url"] for state in states}) == 1


@EVERY_SUBJECT
def test_a_resource_that_is_destroyed_leaves_everything_as_it_is(switchable, subject):
    applied, _, imported, _ = terraform(
        switchable, ("apply", subject.id, "ON"), ("destroy",), ("refresh", subject.id), ("apply", subject.id, "OFF")
    )
    assert imported == applied


def test_a_large_state_is_refreshed_within_the_documented_limits(switchable):
    """The provider sends more calls in a second than the vendor allows, and tries again what was refused for that."""
    (first,) = terraform(switchable, ("refresh", SUBJECTS[0].id))
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(terraform, switchable, *[("refresh", SUBJECTS[0].id)] * 10) for _ in range(10)]
    assert [state for run in runs for state in run.result()] == [first] * 100


def test_what_cannot_be_is_told_in_words(switchable):
    missing, group = terraform(switchable, ("apply", "cdb-nobody00", "ON"), ("apply", "cdbrg-nobody00", "OFF"))
    says = r"\[TencentCloudSDKError\] Code={}, Message={}, RequestId=[0-9a-f-]{{36}}"
    instance = says.format(r"ResourceNotFound\.InstanceNotFoundError", "The instance `cdb-nobody00` does not exist\\.")
    assert re.fullmatch(instance, missing["error"]), missing
    unknown = says.format(r"InternalError\.DBRecordNotExistError", "The RO group `cdbrg-nobody00` does not exist\\.")
    assert re.fullmatch(unknown, group["error"]), group
