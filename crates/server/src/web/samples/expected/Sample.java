// DescribeSSLStatus of cdb 2017-03-20.
// Needs: com.tencentcloudapi:tencentcloud-sdk-java
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
import com.tencentcloudapi.cdb.v20170320.CdbClient;
import com.tencentcloudapi.cdb.v20170320.models.DescribeSSLStatusRequest;
import com.tencentcloudapi.common.AbstractModel;
import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.exception.TencentCloudSDKException;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;

public final class Sample {
    public static void main(String[] arguments) {
        Credential credential =
                new Credential(System.getenv("TENCENTCLOUD_SECRET_ID"), System.getenv("TENCENTCLOUD_SECRET_KEY"));
        HttpProfile http = new HttpProfile();
        http.setProtocol(HttpProfile.REQ_HTTP);
        http.setEndpoint("127.0.0.1:7780");
        ClientProfile profile = new ClientProfile();
        profile.setHttpProfile(http);
        try {
            CdbClient client = new CdbClient(credential, "ap-guangzhou", profile);

            DescribeSSLStatusRequest request = new DescribeSSLStatusRequest();
            request.setInstanceId("cdb-c1nl9rpv");

            System.out.println(AbstractModel.toJsonString(client.DescribeSSLStatus(request)));
        } catch (TencentCloudSDKException error) {
            System.err.printf(
                    "%s: %s (RequestId %s)%n", error.getErrorCode(), error.getMessage(), error.getRequestId());
            System.exit(1);
        }
    }
}
