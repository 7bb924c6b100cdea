// Calls cdb through the Node SDK. Protocol: ../README.md.
"use strict";

const fs = require("fs");
const { cdb } = require("tencentcloud-sdk-nodejs/tencentcloud/services/cdb");
const SdkException =
  require("tencentcloud-sdk-nodejs/tencentcloud/common/exception/tencent_cloud_sdk_exception").default;

main();

async function main() {
  const order = JSON.parse(fs.readFileSync(0, "utf8"));
  for (const call of order.calls) {
    console.log(JSON.stringify({ id: call.id, ...(await outcome(order.endpoint, call)) }));
  }
}

async function outcome(endpoint, call) {
  const client = connect(endpoint, call);
  let response;
  try {
    for (let i = 0; i < (call.repeat ?? 1); i++) {
      response = await (call.generic ? client.request(call.action, call.params) : client[call.action](call.params));
    }
  } catch (error) {
    if (!(error instanceof SdkException)) throw error;
    return {
      error: {
        type: error.constructor.name,
        code: error.code,
        message: error.message,
        request_id: error.requestId,
      },
    };
  }
  return { response };
}

function connect(endpoint, call) {
  return new cdb.v20170320.Client({
    credential: { secretId: call.secret_id, secretKey: call.secret_key },
    region: call.region,
    profile: {
      signMethod: call.signature,
      language: call.language,
      httpProfile: { protocol: "http://", endpoint, reqMethod: call.method },
    },
  });
}
