"""Calls cdb through docs/sign-with-openssl.sh, one process per call. Protocol: ../README.md.

The script sends any JSON, has no model and no exception: the `Error` of the answer is what its user gets to see.
"""

import json
import os
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "sign-with-openssl.sh"


def main():
    order = json.load(sys.stdin)
    for call in order["calls"]:
        print(json.dumps({"id": call["id"], **outcome(order["endpoint"], call)}), flush=True)


def outcome(endpoint, call):
    if (call["signature"], call["method"]) != ("TC3-HMAC-SHA256", "POST") or "language" in call or "repeat" in call:
        sys.exit(f"the script cannot make this call: {call}")
    environment = {
        **os.environ,
        "TENCENTCLOUD_SECRET_ID": call["secret_id"],
        "TENCENTCLOUD_SECRET_KEY": call["secret_key"],
        "TENCENTCLOUD_REGION": call["region"],
    }
    command = ["sh", SCRIPT, f"http://{endpoint}", call["action"], json.dumps(call["params"])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"the script ended with {done.returncode}: {done.stderr}")
    answer = json.loads(done.stdout)["Response"]
    if "Error" not in answer:
        return {"response": answer}
    refused = answer["Error"]
    return {
        "error": {
            "type": "Error",
            "code": refused["Code"],
            "message": refused["Message"],
            "request_id": answer["RequestId"],
        }
    }


main()
