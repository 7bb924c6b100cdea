// DescribeSSLStatus of cdb 2017-03-20.
// Needs: dotnet add package TencentCloudSDK
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
using System;
using System.Threading.Tasks;
using TencentCloud.Cdb.V20170320;
using TencentCloud.Cdb.V20170320.Models;
using TencentCloud.Common;
using TencentCloud.Common.Profile;

static class Sample
{
    static async Task<int> Main()
    {
        var credential = new Credential
        {
            SecretId = Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_ID"),
            SecretKey = Environment.GetEnvironmentVariable("TENCENTCLOUD_SECRET_KEY"),
        };
        var profile = new ClientProfile
        {
            SignMethod = ClientProfile.SIGN_TC3SHA256,
            HttpProfile = new HttpProfile { Protocol = HttpProfile.REQ_HTTP, Endpoint = "127.0.0.1:7780" },
        };
        try
        {
            var client = new CdbClient(credential, "ap-guangzhou", profile);
            var request = new DescribeSSLStatusRequest { InstanceId = "cdb-c1nl9rpv" };
            var response = await client.DescribeSSLStatus(request);
            Console.WriteLine(AbstractModel.ToJsonString(response));
            return 0;
        }
        catch (TencentCloudSDKException error)
        {
            // The SDK puts the code into the message.
            Console.Error.WriteLine($"{error.Message} (RequestId {error.RequestId})");
            return 1;
        }
    }
}
