"""Calls cdb through the Python SDK. Protocol: ../README.md."""

import json
import sys

from tencentcloud.cdb.v20170320 import cdb_client, models
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile


def main():
    order = json.load(sys.stdin)
    for call in order["calls"]:
        print(json.dumps({"id": call["id"], **outcome(order["endpoint"], call)}), flush=True)


def outcome(endpoint, call):
    client = connect(endpoint, call)
    try:
        for _ in range(call.get("repeat", 1)):
            response = (ask_by_name if call.get("generic") else ask)(client, call)
    except TencentCloudSDKException as error:
        return {
            "error": {
                "type": type(error).__name__,
                "code": error.code,
                "message": error.message,
                "request_id": error.requestId,
            }
        }
    return {"response": response}


def connect(endpoint, call):
    profile = ClientProfile(
        signMethod=call["signature"],
        httpProfile=HttpProfile(protocol="http", endpoint=endpoint, reqMethod=call["method"]),
    )
    if "language" in call:
        profile.language = call["language"]
    return cdb_client.CdbClient(Credential(call["secret_id"], call["secret_key"]), call["region"], profile)


def ask(client, call):
    request = getattr(models, call["action"] + "Request")()
    request.from_json_string(json.dumps(call["params"]))
    return json.loads(getattr(client, call["action"])(request).to_json_string())


def ask_by_name(client, call):
    return client.call_json(call["action"], call["params"])["Response"]


main()
