"""A stand-in for the Go SDK's generated cdb package, which not every module proxy has: what the samples use of it, made of the
API model that tccli ships, in the shape in which the vendor generates it. Its core is the real one."""

import json
import shutil

import model
import programs

MODULE = "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud"
VERSION = "v1.3.166"
SCALARS = {"string": "string", "int64": "int64", "uint64": "uint64", "float": "float64", "bool": "bool"}

PACKAGE = f"""package v20170320

import (
	"encoding/json"

	"{MODULE}/common"
	tchttp "{MODULE}/common/http"
	"{MODULE}/common/profile"
)

type Client struct {{
	common.Client
}}

func NewClient(credential common.CredentialIface, region string, clientProfile *profile.ClientProfile) (*Client, error) {{
	client := &Client{{}}
	client.Init(region).WithCredential(credential).WithProfile(clientProfile)
	return client, nil
}}
"""

ACTION = """
type {action}Request struct {{
	*tchttp.BaseRequest
{fields}}}

func New{action}Request() *{action}Request {{
	request := &{action}Request{{BaseRequest: &tchttp.BaseRequest{{}}}}
	request.Init().WithApiInfo("cdb", "2017-03-20", "{action}")
	return request
}}

type {action}Response struct {{
	*tchttp.BaseResponse
	Response json.RawMessage `json:"Response"`
}}

func (r *{action}Response) ToJsonString() string {{
	text, _ := json.Marshal(r)
	return string(text)
}}

func (c *Client) {action}(request *{action}Request) (*{action}Response, error) {{
	response := &{action}Response{{BaseResponse: &tchttp.BaseResponse{{}}}}
	return response, c.Send(request, response)
}}
"""


def write(folder):
    """Makes the folder a module that has the real core and the stand-in."""
    (folder / "cdb" / "v20170320").mkdir(parents=True)
    requires = f"require {MODULE}/common {VERSION}\n"
    (folder / "go.mod").write_text(
        f"module samples\n\ngo 1.19\n\n{requires}require {MODULE}/cdb {VERSION}\n\nreplace {MODULE}/cdb => ./cdb\n"
    )
    (folder / "cdb" / "go.mod").write_text(f"module {MODULE}/cdb\n\ngo 1.19\n\n{requires}")
    shutil.copy(programs.HERE / "clients" / "go" / "go.sum", folder)
    shutil.copy(programs.HERE / "clients" / "go" / "go.sum", folder / "cdb")
    (folder / "cdb" / "v20170320" / "cdb.go").write_text(package(model.load_vendor(programs.CACHE / "venv" / "lib")))


def package(vendor):
    structures = {}
    actions = [ACTION.format(action=name, fields=fields(vendor, inputs(vendor, name), structures)) for name in ours()]
    return PACKAGE + "".join(f"\ntype {name} struct {{\n{text}}}\n" for name, text in structures.items()) + "".join(actions)


def ours():
    """The vendor's actions that we have."""
    path = programs.REPOSITORY / "contract" / "cdb-2017-03-20.json"
    return [action["name"] for action in json.loads(path.read_text(encoding="utf-8"))["actions"]]


def inputs(vendor, action):
    return vendor["objects"][vendor["actions"][action]["input"]]["members"]


def fields(vendor, members, structures):
    """The fields of one structure; those that it is made of are put into `structures`."""
    lines = []
    for member in members:
        of = member["member"]
        if of not in SCALARS and of not in structures:
            structures[of] = fields(vendor, vendor["objects"][of]["members"], structures)
        several = "[]" if member["type"] == "list" else ""
        name = member["name"]
        lines.append(f'\t{name} {several}*{SCALARS.get(of, of)} `json:"{name},omitnil,omitempty" name:"{name}"`\n')
    return "".join(lines)
