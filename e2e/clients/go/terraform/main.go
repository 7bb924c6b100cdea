// NOT the Terraform provider, but the calls that its resource tencentcloud_mysql_ssl makes, over the SDK core that it makes them with.
//
// What was read in the provider (f6970a90, 2026-08) and is kept here: the endpoint is `<service>.<domain>`; always POST with TC3, in English,
// as the client Terraform-latest; create and update call OpenSSL or CloseSSL without a look at what is there and forget AsyncRequestId; then
// DescribeSSLStatus is polled until Status is what was wanted; refresh takes Status and Url; both are dereferenced, so that a null ends the
// program; delete does nothing; an import takes an ID that starts with `cdb-` for an instance, any other for an RO group.
//
// Reads {"domain", "address", "secret_id", "secret_key", "operations": [{"do", "id", "status"}]}, where the name that the domain makes leads to
// the address, and prints one JSON line per operation: {"status", "url"}, or {"error"} with the words that Terraform would show.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// The provider waits half an hour and retries for three minutes; a test that takes so long has failed.
const (
	patience = time.Minute
	pause    = 250 * time.Millisecond
)

type order struct {
	Domain     string
	Address    string
	SecretID   string `json:"secret_id"`
	SecretKey  string `json:"secret_key"`
	Operations []operation
}

type operation struct {
	Do     string
	ID     string
	Status string
}

// state is what Terraform keeps of the resource.
type state struct {
	Status string `json:"status,omitempty"`
	URL    string `json:"url"`
	Error  string `json:"error,omitempty"`
}

func main() {
	var todo order
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		panic(err)
	}
	client := connect(todo)
	out := json.NewEncoder(os.Stdout)
	for _, op := range todo.Operations {
		kept, err := do(client, op)
		if err != nil {
			kept = state{Error: err.Error()}
		}
		if err := out.Encode(kept); err != nil {
			panic(err)
		}
	}
}

func do(client *common.Client, op operation) (state, error) {
	switch op.Do {
	case "apply":
		if err := apply(client, op); err != nil {
			return state{}, err
		}
		return refresh(client, op.ID)
	case "refresh":
		return refresh(client, op.ID)
	case "destroy":
		return state{}, nil
	}
	return state{}, fmt.Errorf("no such operation: %s", op.Do)
}

func apply(client *common.Client, op operation) error {
	action := map[string]string{"ON": "OpenSSL", "OFF": "CloseSSL"}[op.Status]
	if err := retried(func() error { return client.Send(request(action, op.ID), newAnswer()) }); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		now, err := refresh(client, op.ID)
		if err != nil || now.Status == op.Status {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("ssl status is %s", now.Status)
		}
	}
}

func refresh(client *common.Client, id string) (state, error) {
	seen := newAnswer()
	err := retried(func() error { return client.Send(request("DescribeSSLStatus", id), seen) })
	if err != nil {
		return state{}, err
	}
	return state{Status: *seen.Response.Status, URL: *seen.Response.Url}, nil
}

// retried repeats what fails with one of the codes that the provider takes for passing.
func retried(call func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		err := call()
		refused, is := err.(*sdkerrors.TencentCloudSDKError)
		if !is || !passes(refused.Code) || time.Now().After(deadline) {
			return err
		}
	}
}

func passes(code string) bool {
	for _, prefix := range []string{"ClientError.", "RequestLimitExceeded", "ResourceInUse", "ResourceUnavailable"} {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

func connect(todo order) *common.Client {
	p := profile.NewClientProfile()
	p.Language = "en-US"
	p.HttpProfile.Scheme = "HTTP"
	p.HttpProfile.ReqMethod = "POST"
	p.HttpProfile.RootDomain = todo.Domain
	client := common.NewCommonClient(common.NewCredential(todo.SecretID, todo.SecretKey), "ap-guangzhou", p)
	return client.WithHttpTransport(asTerraform{&http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, todo.Address)
		},
	}})
}

// asTerraform says who it is, as the provider's transport does.
type asTerraform struct{ http.RoundTripper }

func (t asTerraform) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-TC-RequestClient", "Terraform-latest")
	return t.RoundTripper.RoundTrip(r)
}

type sslRequest struct {
	*tchttp.BaseRequest
	InstanceId *string `json:"InstanceId,omitempty"`
	RoGroupId  *string `json:"RoGroupId,omitempty"`
}

func request(action, id string) *sslRequest {
	r := &sslRequest{BaseRequest: &tchttp.BaseRequest{}}
	r.Init().WithApiInfo("cdb", "2017-03-20", action)
	if strings.HasPrefix(id, "cdb-") {
		r.InstanceId = &id
	} else {
		r.RoGroupId = &id
	}
	return r
}

type answer struct {
	*tchttp.BaseResponse
	Response struct {
		Status *string
		Url    *string
	}
}

func newAnswer() *answer {
	return &answer{BaseResponse: &tchttp.BaseResponse{}}
}
