# DescribeSSLStatus of cdb 2017-03-20.
# Needs: gem install tencentcloud-sdk-common tencentcloud-sdk-cdb
# Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
require "json"
require "tencentcloud-sdk-common"
require "tencentcloud-sdk-cdb"

begin
  credential = TencentCloud::Common::Credential.new(
    ENV.fetch("TENCENTCLOUD_SECRET_ID"), ENV.fetch("TENCENTCLOUD_SECRET_KEY")
  )
  profile = TencentCloud::Common::ClientProfile.new
  profile.sign_method = "TC3-HMAC-SHA256"
  profile.http_profile = TencentCloud::Common::HttpProfile.new("http", "127.0.0.1:7780")
  client = TencentCloud::Cdb::V20170320::Client.new(credential, "ap-guangzhou", profile)

  request = TencentCloud::Cdb::V20170320::DescribeSSLStatusRequest.new
  request.InstanceId = "cdb-c1nl9rpv"

  response = client.DescribeSSLStatus(request)
  puts JSON.generate(response.serialize)
rescue TencentCloud::Common::TencentCloudSDKException => e
  warn "#{e.code}: #{e.message} (RequestId #{e.request_id})"
  exit 1
end
