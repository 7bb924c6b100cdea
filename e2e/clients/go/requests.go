package main

import (
	"encoding/json"
	"fmt"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
)

const version = "2017-03-20"

// The module with the SDK's generated cdb client is not to be had from every module proxy, its core is. These are the requests that we
// make, in the form that the core's flattening (GET, HmacSHA*) and JSON encoding (TC3 POST) expect of a request.

type sslRequest struct {
	*tchttp.BaseRequest
	InstanceId *string `json:"InstanceId,omitempty" name:"InstanceId"`
	RoGroupId  *string `json:"RoGroupId,omitempty" name:"RoGroupId"`
}

type describeRoGroupsRequest struct {
	*tchttp.BaseRequest
	InstanceId *string `json:"InstanceId,omitempty" name:"InstanceId"`
}

type describeAsyncRequestInfoRequest struct {
	*tchttp.BaseRequest
	AsyncRequestId *string `json:"AsyncRequestId,omitempty" name:"AsyncRequestId"`
}

type describeTasksRequest struct {
	*tchttp.BaseRequest
	InstanceId     *string  `json:"InstanceId,omitempty" name:"InstanceId"`
	AsyncRequestId *string  `json:"AsyncRequestId,omitempty" name:"AsyncRequestId"`
	TaskTypes      []*int64 `json:"TaskTypes,omitempty" name:"TaskTypes"`
	TaskStatus     []*int64 `json:"TaskStatus,omitempty" name:"TaskStatus"`
}

type describeDBInstancesRequest struct {
	*tchttp.BaseRequest
	InstanceIds    []*string `json:"InstanceIds,omitempty" name:"InstanceIds"`
	InstanceNames  []*string `json:"InstanceNames,omitempty" name:"InstanceNames"`
	InstanceTypes  []*uint64 `json:"InstanceTypes,omitempty" name:"InstanceTypes"`
	TaskStatus     []*uint64 `json:"TaskStatus,omitempty" name:"TaskStatus"`
	Status         []*uint64 `json:"Status,omitempty" name:"Status"`
	Offset         *uint64   `json:"Offset,omitempty" name:"Offset"`
	Limit          *uint64   `json:"Limit,omitempty" name:"Limit"`
	OrderBy        *string   `json:"OrderBy,omitempty" name:"OrderBy"`
	OrderDirection *string   `json:"OrderDirection,omitempty" name:"OrderDirection"`
}

// request builds a call: by name for a generic one, else by the action's own structure.
func request(c call) tchttp.Request {
	base := &tchttp.BaseRequest{}
	base.Init().WithApiInfo("cdb", version, c.Action)
	switch {
	case c.Generic:
		byName := tchttp.NewCommonRequest("cdb", version, c.Action)
		check(byName.SetActionParameters([]byte(c.Params)))
		return byName
	case c.Action == "DescribeSSLStatus" || c.Action == "OpenSSL" || c.Action == "CloseSSL":
		return filled(&sslRequest{BaseRequest: base}, c)
	case c.Action == "DescribeRoGroups":
		return filled(&describeRoGroupsRequest{BaseRequest: base}, c)
	case c.Action == "DescribeAsyncRequestInfo":
		return filled(&describeAsyncRequestInfoRequest{BaseRequest: base}, c)
	case c.Action == "DescribeTasks":
		return filled(&describeTasksRequest{BaseRequest: base}, c)
	case c.Action == "DescribeDBInstances":
		return filled(&describeDBInstancesRequest{BaseRequest: base}, c)
	}
	check(fmt.Errorf("%s has no request structure here", c.Action))
	return nil
}

func filled(r tchttp.Request, c call) tchttp.Request {
	check(json.Unmarshal(c.Params, r))
	return r
}
