"""The vendor's clients switch real servers on and off, each as its users do: call, poll, ask; and the servers' clients can tell."""

import contextlib
import itertools
import re
import subprocess
import time
import urllib.request

import pytest

import cases
import clients
import conftest
import model
import programs
import switching
from switching import INSTANCE, SUBJECTS

# The script is for one question.
EVERY_CLIENT = pytest.mark.parametrize("client", [c for c in clients.CLIENTS if c.name != "script"], ids=lambda c: c.name)
TASK = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){3}")
MOMENT = re.compile(r"2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d")
# The driver reads it when it checks a server, before anything is changed.
READ_AT_FIRST = "mysql.component"


class Caller:
    """One of the vendor's clients, at a site."""

    def __init__(self, client, site):
        self.client, self.site = client, site

    @contextlib.contextmanager
    def held(self):
        """Lets what is started within the `with` block wait for its end."""
        with contextlib.ExitStack() as stack:
            for servers in self.site.servers.values():
                stack.enter_context(servers[1].locked(READ_AT_FIRST))
            yield

    def all(self, *calls):
        """Makes the calls, each an action with its parameters; their outcomes in the same order."""
        outcomes = []
        for action, group in itertools.groupby(calls, key=lambda call: call[0]):
            if action in ("OpenSSL", "CloseSSL"):
                # SDKs sign whole seconds and no action: in the same second, this would be taken for a replay of the call before.
                time.sleep(1.1)
            outcomes += self.batch(group)
        return outcomes

    def batch(self, calls):
        """Makes the calls in one process of the client."""
        made = [
            {**conftest.as_call((clients.TC3, "POST"), cases.Case(str(number), action, params, None)), "id": str(number)}
            for number, (action, params) in enumerate(calls)
        ]
        outcomes = self.client.call(self.site.signet.endpoint, made)
        return [outcomes[call["id"]] for call in made]

    def each(self, action):
        """Calls the action about both subjects; the answers by subject."""
        outcomes = self.all(*((action, subject.params) for subject in SUBJECTS))
        return {subject: cases.answer_of(outcome) for subject, outcome in zip(SUBJECTS, outcomes)}

    def start(self, action):
        """Starts a task on both subjects; their ids by subject."""
        return {subject: answer["AsyncRequestId"] for subject, answer in self.each(action).items()}

    def progress(self, tasks):
        """How the tasks stand, by subject."""
        outcomes = self.all(*(("DescribeAsyncRequestInfo", {"AsyncRequestId": task}) for task in tasks.values()))
        return {subject: cases.answer_of(outcome) for subject, outcome in zip(tasks, outcomes)}

    def wait(self, tasks):
        """Polls until the tasks have ended, and tells how."""
        latest = {}

        def ended():
            latest.update(self.progress(tasks))
            return all(answer["Status"] not in ("INITIAL", "RUNNING") for answer in latest.values())

        programs.until(ended, f"the end of {tasks}")
        return latest


@EVERY_CLIENT
def test_on_and_off(client, switchable):
    caller = Caller(client, switchable)

    opened = caller.start("OpenSSL")
    assert_succeeded(caller.wait(opened))
    assert_listed(caller, opened, "OPEN SSL", "done")
    on = caller.each("DescribeSSLStatus")
    assert_kept("DescribeSSLStatus", on)
    for subject, answer in on.items():
        assert (answer["Status"], matches(cases.link(subject.id), answer["Url"])) == ("ON", True), answer
        assert_verifies(switchable.servers[subject], pem_of(answer["Url"]))

    closed = caller.start("CloseSSL")
    assert_succeeded(caller.wait(closed))
    assert_listed(caller, closed, "CLOSE SSL", "done")
    off = caller.each("DescribeSSLStatus")
    assert_kept("DescribeSSLStatus", off)
    for subject, answer in off.items():
        assert (answer["Status"], answer["Url"]) == ("OFF", on[subject]["Url"])
        assert pem_of(answer["Url"]) == pem_of(on[subject]["Url"])
        assert_has_no_tls(switchable.servers[subject])


@EVERY_CLIENT
def test_what_is_so_already_succeeds_at_once_and_changes_nothing(client, switchable):
    caller = Caller(client, switchable)
    for action, kind, status in (("OpenSSL", "OPEN SSL", "ON"), ("CloseSSL", "CLOSE SSL", "OFF")):
        assert_succeeded(caller.wait(caller.start(action)))
        before, certificates = caller.each("DescribeSSLStatus"), presented(switchable)

        again = caller.start(action)

        # No waiting: the task had ended when the call was answered.
        assert_succeeded(caller.progress(again), "already")
        assert_listed(caller, again, kind, "untouched")
        after = caller.each("DescribeSSLStatus")
        for subject in SUBJECTS:
            assert (after[subject]["Status"], after[subject]["Url"]) == (status, before[subject]["Url"])
        assert presented(switchable) == certificates


@EVERY_CLIENT
def test_one_task_at_a_time_which_everybody_sees(client, switchable):
    caller = Caller(client, switchable)
    # Ids of the read-only instances come from their registration.
    group = cases.answer_of(caller.all(("DescribeRoGroups", INSTANCE.params))[0])["RoGroups"][0]
    busy = {INSTANCE.id, *(replica["InstanceId"] for replica in group["RoInstances"])}
    with caller.held():
        tasks = caller.start("OpenSSL")
        calls = [(action, subject.params) for action in ("OpenSSL", "CloseSSL") for subject in SUBJECTS]
        outcomes = caller.all(*calls, ("DescribeDBInstances", {"TaskStatus": [10]}), ("DescribeDBInstances", {"TaskStatus": [0]}))
        status = caller.each("DescribeSSLStatus")
        running = caller.progress(tasks)
        listed = caller.all(*(("DescribeTasks", {"InstanceId": s.id, "TaskStatus": [0, 1]}) for s in SUBJECTS))
    ended = caller.wait(tasks)

    for (_, params), outcome in zip(calls, outcomes):
        (subject,) = (subject for subject in SUBJECTS if subject.params == params)
        message = f"`{subject.id}` is being changed by the task `{tasks[subject]}`. Wait until it has ended, then call again."
        cases.Refused("OperationDenied.InstanceLockerConflict", message).check(outcome, client, client.language)
    at_work, idle = (cases.answer_of(outcome)["Items"] for outcome in outcomes[-2:])
    assert ({item["InstanceId"] for item in at_work}, {item["TaskStatus"] for item in at_work}) == (busy, {10})
    assert idle == []
    # Nothing has been seen to change yet.
    assert [answer["Status"] for answer in status.values()] == ["OFF", "OFF"]
    assert {answer["Status"] for answer in running.values()} == {"RUNNING"}
    for subject, outcome in zip(SUBJECTS, listed):
        (item,) = cases.answer_of(outcome)["Items"]
        assert (item["AsyncRequestId"], item["TaskStatus"], item["EndTime"]) == (tasks[subject], "RUNNING", "0000-00-00 00:00:00")
        assert 0 <= item["Progress"] < 100
    assert_succeeded(ended)
    assert_succeeded(caller.wait(caller.start("CloseSSL")))
    assert cases.answer_of(caller.all(("DescribeDBInstances", {"TaskStatus": [10]}))[0])["Items"] == []


def matches(pattern, text):
    return bool(pattern.fullmatch(text))


def assert_kept(action, answers):
    """Is each answer all that the vendor's model promises?"""
    for answer in answers.values():
        assert model.broken_promises(answer, action, conftest.vendor_model()) == []


def assert_succeeded(answers, says=""):
    assert_kept("DescribeAsyncRequestInfo", answers)
    for answer in answers.values():
        assert (answer["Status"], says in answer["Info"], answer["Info"] != "") == ("SUCCESS", True, True), answer


def assert_listed(caller, tasks, kind, step):
    """Each task is in the list, by its id and among its subject's, the newest first, and is all that the vendor's model has."""
    calls = [call for subject, task in tasks.items() for call in ({"AsyncRequestId": task}, {"InstanceId": subject.id})]
    answers = [cases.answer_of(outcome) for outcome in caller.all(*(("DescribeTasks", call) for call in calls))]
    assert_kept("DescribeTasks", dict(enumerate(answers)))
    for (subject, task), by_id, of_subject in zip(tasks.items(), answers[::2], answers[1::2]):
        assert matches(TASK, task), task
        assert by_id["TotalCount"] == 1
        (item,) = by_id["Items"]
        assert item in of_subject["Items"]
        assert starts(of_subject) == sorted(starts(of_subject), reverse=True)
        nodes = [{"AttachKey": server.address, "AttachValue": step} for server in caller.site.servers[subject]]
        assert (item["AsyncRequestId"], item["InstanceIds"], item["TaskAttachInfo"]) == (task, [subject.id], nodes)
        assert (item["TaskType"], item["TaskStatus"], item["Progress"], item["Code"]) == (kind, "SUCCEED", 100, 0)
        assert item["Message"] and matches(MOMENT, item["StartTime"]) and matches(MOMENT, item["EndTime"])


def starts(tasks):
    return [item["StartTime"] for item in tasks["Items"]]


def pem_of(url):
    with urllib.request.urlopen(url.replace("TencentDB-CA-Chain.zip", "TencentDB-CA-Chain.pem"), timeout=10) as answer:
        return answer.read()


def assert_verifies(servers, pem):
    """The servers' own client trusts what was downloaded and nothing else, and insists on the address."""
    for server in servers:
        done = connect(server, "--ssl-mode=VERIFY_IDENTITY", "--ssl-ca=/dev/stdin", pem=pem)
        assert done.stdout == b"Ssl_version\tTLSv1.3\n", done.stderr


def assert_has_no_tls(servers):
    for server in servers:
        done = connect(server, "--ssl-mode=REQUIRED")
        assert b"SSL is required but the server doesn't support it" in done.stderr, (done.stdout, done.stderr)


def connect(server, *options, pem=b""):
    host, port = server.address.split(":")
    words = ["--no-defaults", "--protocol=tcp", f"--host={host}", f"--port={port}", f"--user={switching.USER}", *options]
    words += ["--batch", "--skip-column-names", "--execute=SHOW STATUS LIKE 'Ssl_version'"]
    return subprocess.run([*server.client, *words], input=pem, capture_output=True, timeout=60)


def presented(site):
    """The certificate of every server that presents one."""
    pem = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

    def of(server):
        command = ["openssl", "s_client", "-starttls", "mysql", "-connect", server.address]
        return pem.findall(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).stdout)

    return {server.address: of(server) for servers in site.servers.values() for server in servers}
