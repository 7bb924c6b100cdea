// DescribeSSLStatus of cdb 2017-03-20.
// Needs: npm install tencentcloud-sdk-nodejs
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
"use strict";

const { cdb } = require("tencentcloud-sdk-nodejs/tencentcloud/services/cdb");
const SdkException =
  require("tencentcloud-sdk-nodejs/tencentcloud/common/exception/tencent_cloud_sdk_exception").default;

const client = new cdb.v20170320.Client({
  credential: {
    secretId: process.env.TENCENTCLOUD_SECRET_ID,
    secretKey: process.env.TENCENTCLOUD_SECRET_KEY,
  },
  region: "ap-guangzhou",
  profile: { httpProfile: { protocol: "http://", endpoint: "127.0.0.1:7780" } },
});

async function main() {
  const response = await client.DescribeSSLStatus({ InstanceId: "cdb-c1nl9rpv" });
  console.log(JSON.stringify(response));
}

main().catch((error) => {
  if (!(error instanceof SdkException)) throw error;
  console.error(`${error.code}: ${error.message} (RequestId ${error.requestId})`);
  process.exitCode = 1;
});
