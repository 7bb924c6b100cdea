// Calls cdb through the Go SDK. Protocol: ../README.md.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

type order struct {
	Endpoint string
	Calls    []call
}

type call struct {
	ID        string          `json:"id"`
	Action    string          `json:"action"`
	Params    json.RawMessage `json:"params"`
	Region    string          `json:"region"`
	Signature string          `json:"signature"`
	Method    string          `json:"method"`
	SecretID  string          `json:"secret_id"`
	SecretKey string          `json:"secret_key"`
	Language  string          `json:"language"`
	Generic   bool            `json:"generic"`
	Repeat    int             `json:"repeat"`
}

type outcome struct {
	ID       string          `json:"id"`
	Response json.RawMessage `json:"response,omitempty"`
	Error    *refusal        `json:"error,omitempty"`
}

type refusal struct {
	Type      string `json:"type"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
}

func main() {
	var todo order
	check(json.NewDecoder(os.Stdin).Decode(&todo))
	out := json.NewEncoder(os.Stdout)
	for _, c := range todo.Calls {
		check(out.Encode(ask(connect(todo.Endpoint, c), c)))
	}
}

func ask(client *common.Client, c call) outcome {
	var response json.RawMessage
	for i := 0; i == 0 || i < c.Repeat; i++ {
		answer := newAnswer()
		err := client.Send(request(c), answer)
		var refused *sdkerrors.TencentCloudSDKError
		if errors.As(err, &refused) {
			name := reflect.TypeOf(refused).Elem().Name()
			return outcome{ID: c.ID, Error: &refusal{name, refused.Code, refused.Message, refused.RequestId}}
		}
		check(err)
		response = answer.Response
	}
	return outcome{ID: c.ID, Response: response}
}

func connect(endpoint string, c call) *common.Client {
	p := profile.NewClientProfile()
	p.SignMethod = c.Signature
	p.HttpProfile.Scheme = "http"
	p.HttpProfile.Endpoint = endpoint
	p.HttpProfile.ReqMethod = c.Method
	if c.Language != "" {
		p.Language = c.Language
	}
	return common.NewCommonClient(common.NewCredential(c.SecretID, c.SecretKey), c.Region, p)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// answer keeps the Response object as it came; errors are the SDK's business.
type answer struct {
	*tchttp.BaseResponse `json:"-"`
	Response             json.RawMessage
}

func newAnswer() *answer {
	return &answer{BaseResponse: &tchttp.BaseResponse{}}
}
