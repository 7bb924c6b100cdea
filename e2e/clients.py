"""The official clients, and what each of them can do."""

import dataclasses
import json
import shutil
import subprocess

import programs

TC3, HMAC_SHA256, HMAC_SHA1 = "TC3-HMAC-SHA256", "HmacSHA256", "HmacSHA1"
EVERY_MODE = tuple((signature, method) for signature in (TC3, HMAC_SHA256, HMAC_SHA1) for method in ("POST", "GET"))
BATCH_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    command: tuple
    exception: str
    language: str  # what the client asks for by itself; the Node and Java SDKs ask for none and get English
    modes: tuple = EVERY_MODE
    generic_modes: tuple = EVERY_MODE  # where it can call by name, without its model of the action
    environment: tuple = ()
    repeats: bool = True
    chooses_language: bool = True

    def call(self, endpoint, calls):
        """Makes all the calls in one process and returns the outcomes by id."""
        done = subprocess.run(
            [str(word) for word in self.command],
            input=json.dumps({"endpoint": endpoint, "calls": calls}),
            env=programs.client_environment(**dict(self.environment)),
            capture_output=True,
            text=True,
            timeout=BATCH_SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the {self.name} client ended with {done.returncode}:\n{done.stderr[-4000:]}")
        outcomes = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
        if len(outcomes) != len(calls):
            raise RuntimeError(f"the {self.name} client answered {len(outcomes)} of {len(calls)} calls:\n{done.stderr[-4000:]}")
        return outcomes


PYTHON = programs.CACHE / "venv" / "bin" / "python"
SOURCES = programs.HERE / "clients"

CLIENTS = (
    Client("python", (PYTHON, SOURCES / "python" / "client.py"), "TencentCloudSDKException", "zh-CN"),
    Client(
        "node",
        (shutil.which("node"), SOURCES / "node" / "client.js"),
        "TencentCloudSDKHttpException",
        "en-US",
        environment=(("NODE_PATH", str(programs.CACHE / "node" / "node_modules")),),
    ),
    Client(
        "go",
        (programs.CACHE / "go" / "client",),
        "TencentCloudSDKError",
        "zh-CN",
        # CommonRequest drops the parameters wherever they must be flattened.
        generic_modes=((TC3, "POST"),),
    ),
    Client(
        "java",
        (
            shutil.which("java"),
            *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("-cp", f"{programs.CACHE}/java/classes:{programs.CACHE}/java/lib/*"),
            "Client",
        ),
        "TencentCloudSDKException",
        "en-US",
        # CommonClient refuses parameters of its own accord wherever they must be flattened.
        generic_modes=((TC3, "POST"),),
    ),
    Client(
        "tccli",
        (PYTHON, SOURCES / "tccli" / "client.py"),
        "TencentCloudSDKException",
        "zh-CN",
        modes=((TC3, "POST"),),
        generic_modes=(),
        repeats=False,
    ),
    # Not the vendor's, but what our documentation gives to those who have no SDK: openssl and curl.
    Client(
        "script",
        (PYTHON, SOURCES / "script" / "client.py"),
        "Error",
        "en-US",
        modes=((TC3, "POST"),),
        generic_modes=((TC3, "POST"),),
        repeats=False,
        chooses_language=False,
    ),
)
