<?php
// DescribeSSLStatus of cdb 2017-03-20.
// Needs: composer require tencentcloud/tencentcloud-sdk-php
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY

require_once __DIR__ . "/vendor/autoload.php";

use TencentCloud\Cdb\V20170320\CdbClient;
use TencentCloud\Cdb\V20170320\Models\DescribeSSLStatusRequest;
use TencentCloud\Common\Credential;
use TencentCloud\Common\Exception\TencentCloudSDKException;
use TencentCloud\Common\Profile\ClientProfile;
use TencentCloud\Common\Profile\HttpProfile;

try {
    $credential = new Credential(getenv("TENCENTCLOUD_SECRET_ID"), getenv("TENCENTCLOUD_SECRET_KEY"));
    $http = new HttpProfile();
    $http->setProtocol(HttpProfile::$REQ_HTTP);
    $http->setEndpoint("127.0.0.1:7780");
    $profile = new ClientProfile();
    $profile->setSignMethod("TC3-HMAC-SHA256");
    $profile->setHttpProfile($http);
    $client = new CdbClient($credential, "ap-guangzhou", $profile);

    $request = new DescribeSSLStatusRequest();
    $request->InstanceId = "cdb-c1nl9rpv";

    $response = $client->DescribeSSLStatus($request);
    echo $response->toJsonString(), PHP_EOL;
} catch (TencentCloudSDKException $error) {
    $text = "%s: %s (RequestId %s)\n";
    fprintf(STDERR, $text, $error->getErrorCode(), $error->getMessage(), $error->getRequestId());
    exit(1);
}
