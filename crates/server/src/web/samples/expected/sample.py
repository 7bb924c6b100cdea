# DescribeSSLStatus of cdb 2017-03-20.
# Needs: pip install tencentcloud-sdk-python
# Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
import os
import sys

from tencentcloud.cdb.v20170320 import cdb_client, models
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile


def main():
    key = credential.Credential(os.environ["TENCENTCLOUD_SECRET_ID"], os.environ["TENCENTCLOUD_SECRET_KEY"])
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint="127.0.0.1:7780"))
    client = cdb_client.CdbClient(key, "ap-guangzhou", profile)

    request = models.DescribeSSLStatusRequest()
    request.InstanceId = "cdb-c1nl9rpv"

    response = client.DescribeSSLStatus(request)
    print(response.to_json_string())


try:
    main()
except TencentCloudSDKException as error:
    sys.exit(f"{error.code}: {error.message} (RequestId {error.requestId})")
