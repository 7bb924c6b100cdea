// DescribeSSLStatus of cdb 2017-03-20.
// Needs: go get github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cdb github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common
// Environment: TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY
package main

import (
	"errors"
	"fmt"
	"os"

	cdb "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cdb/v20170320"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

func main() {
	credential := common.NewCredential(os.Getenv("TENCENTCLOUD_SECRET_ID"), os.Getenv("TENCENTCLOUD_SECRET_KEY"))
	clientProfile := profile.NewClientProfile()
	clientProfile.HttpProfile.Scheme = "HTTP"
	clientProfile.HttpProfile.Endpoint = "127.0.0.1:7780"
	client, err := cdb.NewClient(credential, "ap-guangzhou", clientProfile)
	check(err)

	request := cdb.NewDescribeSSLStatusRequest()
	request.InstanceId = common.StringPtr("cdb-c1nl9rpv")

	response, err := client.DescribeSSLStatus(request)
	check(err)
	fmt.Println(response.ToJsonString())
}

func check(err error) {
	var refused *sdkerrors.TencentCloudSDKError
	if errors.As(err, &refused) {
		fmt.Fprintf(os.Stderr, "%s: %s (RequestId %s)\n", refused.Code, refused.Message, refused.RequestId)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
