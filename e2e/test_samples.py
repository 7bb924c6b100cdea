"""The code samples, run: what `signet sample` prints does what it says, and takes every text as it is."""

import contextlib
import http.server
import json
import subprocess
import threading

import pytest

import fleet
import programs
import samples

NAME = {language: f"{language} '\"\\u0041 $x ${{x}} #{{x}} `x` %s </script>é数" for language in samples.RUNNABLE}
# Beside what a name may have: ends of lines, what ends a raw literal in C++, a byte of nothing, a change of direction, a
# letter of two units of UTF-16, a bare end of a comment.
HOSTILE = "\r\n\t)json\" ??/ \0 \u202e \U0001f600 */ --> ' \" \\ \\' \\\" {} {{x}} $(x) !x"
# A word of a shell can have all of it but a byte of nothing.
HOSTILE_WORD = HOSTILE.replace("\0", "")
SECRET = "a 'quoted' \"secret\" $x"


def calls(language, real, echo, node):
    """What is run: each call by name, as (endpoint, service, action, parameters)."""
    registration = {"Architecture": "single-node", "Nodes": [node], "Tags": [{"Key": "text", "Value": NAME[language]}]}
    return {
        "On": (real, "cdb", "DescribeSSLStatus", {"InstanceId": fleet.ON.id}),
        "Unknown": (real, "cdb", "DescribeSSLStatus", {"InstanceId": "cdb-nobody00"}),
        "Register": (real, "signet", "RegisterInstance", {"InstanceName": NAME[language], **registration}),
        "Find": (real, "cdb", "DescribeDBInstances", {"InstanceNames": ["nobody", NAME[language]], "Limit": 5, "WithRo": 1}),
        "Refused": (real, "signet", "DescribePosture", {"InstanceId": "cdb-nobody00"}),
        "Typed": (echo, "cdb", "DescribeDBInstances", TYPED),
        "Generic": (echo, "signet", "RegisterInstance", {**GENERIC, "ProbePassword": "not to be seen"}),
    }


TYPED = {
    "InstanceNames": [HOSTILE, "", "-", HOSTILE],
    "InstanceTypes": [1, 3],
    "OrderBy": HOSTILE_WORD,
    "OrderDirection": "--help",
    "QueryClusterInfo": True,
    "Tags": [{"Key": HOSTILE, "Value": "a"}, {"Key": "b", "Value": HOSTILE}],
    "ZoneIds": [2**53 - 1],  # the largest that JavaScript can tell from its neighbours
}
GENERIC = {
    "InstanceName": HOSTILE_WORD,
    "Nodes": [HOSTILE],
    "Tags": [{"Key": HOSTILE, "Value": "a"}, {"Key": "b", "Value": HOSTILE}],
    "Vport": 3306,
}


class Echo(http.server.BaseHTTPRequestHandler):
    """Keeps each call's action and body, and answers that there is nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.headers["X-TC-Action"], json.loads(body)))
        answer = b'{"Response":{"TotalCount":0,"Items":[],"RequestId":"0"}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def echoing():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def echo():
    with echoing() as server:
        yield server


@pytest.fixture(scope="module")
def service(servers, tmp_path_factory):
    """A service of its own, because the samples register instances."""
    with programs.signet(tmp_path_factory.mktemp("samples") / "service", "") as running:
        fleet.register(running, servers, [fleet.ON], [])
        yield running


@pytest.fixture(scope="module", params=samples.RUNNABLE)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def run(language, service, servers, echo, tmp_path_factory):
    """Runs one of the calls by its name. All of a language are compiled together, with the examples of every action."""
    folder = tmp_path_factory.mktemp(language)
    endpoint = f"127.0.0.1:{echo.server_port}"
    todo = calls(language, service.endpoint, endpoint, servers[fleet.MYSQL_ON].address)
    sources = {name: samples.sample(language, *call) for name, call in todo.items()}
    commands = samples.LANGUAGES[language](folder / "programs", {**sources, **every_example(language)})

    def run(name):
        environment = samples.environment(folder, SIGNET_PROBE_PASSWORD=SECRET)
        assert "not to be seen" not in sources[name]
        return subprocess.run(commands[name], env=environment, capture_output=True, text=True, timeout=60)

    return run


def every_example(language):
    return {
        f"Example{action}": samples.sample(language, "127.0.0.1:7780", service, action, parameters)
        for service, action, parameters in samples.examples()
    }


def answered(done):
    """The answer, without the envelope that some clients leave around it."""
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    return answer.get("Response", answer)


def refused(done, language, generic=False):
    # tccli has an exit status of its own for this.
    expected = 255 if language == "tccli" and not generic else 1
    assert (done.stdout, done.returncode) == ("", expected), done.stdout + done.stderr
    return done.stderr


def test_it_prints_the_answer(run):
    assert answered(run("On"))["Status"] == "ON"


def test_it_says_why_it_was_refused(run, language):
    error = refused(run("Unknown"), language)
    assert "ResourceNotFound.InstanceNotFoundError" in error
    assert "The instance `cdb-nobody00` does not exist." in error
    assert "requestid" in error.lower()


def test_so_does_a_program_that_signs_by_itself(run, language):
    error = refused(run("Refused"), language, generic=True)
    assert "ResourceNotFound.InstanceNotFoundError" in error
    assert "The instance `cdb-nobody00` does not exist." in error


def test_a_registration_keeps_its_texts(run, service, language):
    registered = answered(run("Register"))["InstanceId"]
    (item,) = answered(run("Find"))["Items"]
    assert (item["InstanceId"], item["InstanceName"]) == (registered, NAME[language])
    (tag,) = item["TagList"]
    assert (tag["TagKey"], tag["TagValue"]) == ("text", NAME[language])


def test_every_text_arrives_byte_for_byte(run, echo):
    echo.seen.clear()
    answered(run("Typed"))
    assert echo.seen == [("DescribeDBInstances", TYPED)]


def test_a_secret_comes_from_the_environment(run, echo):
    echo.seen.clear()
    answered(run("Generic"))
    assert echo.seen == [("RegisterInstance", {**GENERIC, "ProbePassword": SECRET})]


@pytest.mark.parametrize("language", samples.STANDING_IN)
def test_every_text_is_read_as_it_is(language, echo, tmp_path):
    """By the language itself: over a stand-in for the SDK that gives back what it is given, and without any SDK."""
    todo = calls("python", "127.0.0.1:7780", f"127.0.0.1:{echo.server_port}", "127.0.0.1:3306")
    sources = {name: samples.sample(language, *call) for name, call in todo.items()}
    commands = samples.LANGUAGES[language](tmp_path / "programs", {**sources, **every_example(language)})
    environment = samples.environment(tmp_path, SIGNET_PROBE_PASSWORD=SECRET)
    assert json.loads(samples.tool(*commands["Typed"], env=environment)) == TYPED
    echo.seen.clear()
    samples.tool(*commands["Generic"], env=environment)
    assert echo.seen == [("RegisterInstance", {**GENERIC, "ProbePassword": SECRET})]


@pytest.mark.parametrize("language", samples.STANDING_IN)
def test_a_program_without_an_sdk_is_answered(language, service, servers, tmp_path):
    """Of languages whose SDK is not here: the programs that sign by themselves need none."""
    todo = calls("python", service.endpoint, service.endpoint, servers[fleet.MYSQL_ON].address)
    sources = {name: samples.sample(language, *todo[name]) for name in ("Refused",)}
    command = samples.LANGUAGES[language](tmp_path / "programs", sources)["Refused"]
    done = subprocess.run(command, env=samples.environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert "ResourceNotFound.InstanceNotFoundError" in refused(done, language, generic=True)


@pytest.mark.parametrize("language", samples.READABLE)
def test_a_sample_of_every_action_can_be_read(language, tmp_path):
    todo = calls("python", "127.0.0.1:7780", "127.0.0.1:7780", "127.0.0.1:3306")
    sources = {name: samples.sample(language, *call) for name, call in todo.items()}
    samples.LANGUAGES[language](tmp_path / "programs", {**sources, **every_example(language)})


def test_every_language_is_tried():
    assert sorted((*samples.RUNNABLE, *samples.STANDING_IN, *samples.READABLE)) == sorted(samples.LANGUAGES)
    offered = samples.tool(programs.built("signet"), "sample", "cdb", "DescribeSSLStatus", "--help")
    assert f"[possible values: {', '.join(samples.LANGUAGES)}]" in offered


def test_what_cannot_be_read_is_found(tmp_path):
    """A check that likes everything would be none."""
    for language, check in samples.LANGUAGES.items():
        source = samples.sample(language, "127.0.0.1:7780", "cdb", "DescribeSSLStatus", {"InstanceId": "x"})
        with pytest.raises((AssertionError, SyntaxError)):
            check(tmp_path / language, {"Broken": source + "\n)]("})
