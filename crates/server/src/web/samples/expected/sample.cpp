// DescribeSSLStatus of cdb 2017-03-20.
// Needs: tencentcloud-sdk-cpp, linked with -ltencentcloud-sdk-cpp-cdb -ltencentcloud-sdk-cpp-core
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
#include <cstdlib>
#include <iostream>
#include <string>
#include <tencentcloud/cdb/v20170320/CdbClient.h>
#include <tencentcloud/cdb/v20170320/model/DescribeSSLStatusRequest.h>
#include <tencentcloud/core/Credential.h>
#include <tencentcloud/core/TencentCloud.h>
#include <tencentcloud/core/profile/ClientProfile.h>
#include <tencentcloud/core/profile/HttpProfile.h>

using namespace TencentCloud;
using namespace TencentCloud::Cdb::V20170320;
using namespace TencentCloud::Cdb::V20170320::Model;

namespace {

std::string Environment(const char *name) {
    const char *value = std::getenv(name);
    return value ? value : "";
}

int Refused(const std::string &code, const std::string &message, const std::string &requestId) {
    std::cerr << code << ": " << message << " (RequestId " << requestId << ")" << std::endl;
    return 1;
}

int Call() {
    const Credential credential(Environment("TENCENTCLOUD_SECRET_ID"), Environment("TENCENTCLOUD_SECRET_KEY"));
    HttpProfile http;
    http.SetProtocol(HttpProfile::Scheme::HTTP);
    http.SetEndpoint("127.0.0.1:7780");
    const ClientProfile profile(http);
    CdbClient client(credential, "ap-guangzhou", profile);

    DescribeSSLStatusRequest request;
    request.SetInstanceId("cdb-c1nl9rpv");

    auto outcome = client.DescribeSSLStatus(request);
    if (!outcome.IsSuccess()) {
        const auto error = outcome.GetError();
        return Refused(error.GetErrorCode(), error.GetErrorMessage(), error.GetRequestId());
    }
    std::cout << outcome.GetResult().ToJsonString() << std::endl;
    return 0;
}

}  // namespace

int main() {
    InitAPI();
    const int status = Call();
    ShutdownAPI();
    return status;
}
