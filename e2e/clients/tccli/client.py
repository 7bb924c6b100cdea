"""Calls cdb through tccli, one process per call. Protocol: ../README.md.

tccli has no switch for plain HTTP, but takes an endpoint that is a URL. It signs with TC3 over POST only.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

TCCLI = os.path.join(os.path.dirname(sys.executable), "tccli")
# A tccli takes most of a second to start.
AT_A_TIME = 2
REFUSAL = re.compile(
    r"\[(?P<type>\w+)\] code:(?P<code>\S+) message:(?P<message>.*) requestId:(?P<request_id>\S+)\s*$", re.DOTALL
)


def main():
    order = json.load(sys.stdin)
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        outcomes = pool.map(lambda call: outcome(order["endpoint"], call), order["calls"])
        for call, result in zip(order["calls"], outcomes):
            print(json.dumps({"id": call["id"], **result}), flush=True)


def outcome(endpoint, call):
    if (call["signature"], call["method"]) != ("TC3-HMAC-SHA256", "POST") or call.get("generic") or "repeat" in call:
        raise ValueError(f"tccli cannot make this call: {call}")
    # tccli keeps its profiles and its log below HOME, and two that make them at the same time stumble over each other.
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            command(endpoint, call), env={**os.environ, "HOME": home}, capture_output=True, text=True, timeout=60
        )
    if done.returncode == 0:
        return {"response": json.loads(done.stdout)}
    refused = REFUSAL.search(done.stderr)
    if done.returncode != 255 or not refused:
        raise RuntimeError(f"tccli ended with {done.returncode}: {done.stderr}")
    return {"error": refused.groupdict()}


def command(endpoint, call):
    words = [TCCLI, "cdb", call["action"], "--endpoint", f"http://{endpoint}", "--region", call["region"]]
    words += ["--secretId", call["secret_id"], "--secretKey", call["secret_key"]]
    if "language" in call:
        words += ["--language", call["language"]]
    for name, value in call["params"].items():
        words += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    return words


main()
