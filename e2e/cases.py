"""What every client is asked to do, and what it must get: the table of the client tests."""

import dataclasses
import re

from fleet import CLUSTER, DOWN, INSTANCES, MIXED, OFF, ON, REPLICA, RO_GROUP, SINGLE_NODE

REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    action: str
    params: dict
    expected: object
    generic: bool = False
    json_only: bool = False  # GET and the HmacSHA* signatures send text, which has no types to get wrong
    who: str = "root"
    language: str | None = None


@dataclasses.dataclass(frozen=True)
class Refused:
    """The client's own error, with this code and exactly this message: text, or a pattern where a part is not known in advance."""

    code: str
    english: object
    chinese: object = None

    def check(self, outcome, client, language):
        error = outcome.get("error")
        assert error, f"answered instead of refused: {outcome}"
        assert (error["type"], error["code"]) == (client.exception, self.code), error["message"]
        expected = self.chinese if self.chinese and language == "zh-CN" else self.english
        assert matches(expected, error["message"]), f"expected {expected!r}, got {error['message']!r}"
        assert REQUEST_ID.fullmatch(error["request_id"]), error["request_id"]


def matches(expected, text):
    return bool(expected.fullmatch(text)) if isinstance(expected, re.Pattern) else expected == text


@dataclasses.dataclass(frozen=True)
class Answered:
    """The whole answer: nothing else in it but a RequestId. A pattern stands for a text that is not known in advance."""

    fields: dict

    def check(self, outcome, client, language):
        answer = dict(answer_of(outcome))
        assert REQUEST_ID.fullmatch(answer.pop("RequestId"))
        assert answer.keys() == self.fields.keys()
        for name, expected in self.fields.items():
            assert matches(expected, answer[name]), f"{name}: expected {expected!r}, got {answer[name]!r}"


@dataclasses.dataclass(frozen=True)
class Listed:
    """A list with a total: which ids, in which order, of how many."""

    ids: tuple
    total: int

    def check(self, outcome, client, language):
        answer = answer_of(outcome)
        assert REQUEST_ID.fullmatch(answer["RequestId"])
        assert (tuple(item["InstanceId"] for item in answer["Items"]), answer["TotalCount"]) == (self.ids, self.total)


def answer_of(outcome):
    assert "error" not in outcome, f"refused: {outcome['error']}"
    return outcome["response"]


def link(name):
    return re.compile(
        rf"http://127\.0\.0\.1:\d+/certificates/{name}/TencentDB-CA-Chain\.zip\?expires=\d+&signature=[A-Za-z0-9_-]+"
    )


def ssl_status(name, expected, generic=False, **params):
    return Case(name, "DescribeSSLStatus", params, expected, generic=generic)


NO_INSTANCE = "ResourceNotFound.InstanceNotFoundError"


IS_READ_ONLY = Refused(
    NO_INSTANCE,
    re.compile(rf"`cdbro-[a-z0-9]{{8}}` is a read-only instance\. Ask for its RO group: `RoGroupId` = `{RO_GROUP.id}`\."),
)


def no_ssl(instance, architecture, code=NO_INSTANCE):
    return Refused(
        code,
        f"The instance `{instance.id}` has no SSL: its architecture is {architecture}, "
        "and only two-node and three-node instances have it.",
    )


def neither_on_nor_off(action):
    """What a caller can get wrong about what is to be switched, and that the fleet's servers are watched and never changed."""

    def case(name, expected, **params):
        return Case(f"{action}: {name}", action, params, expected)

    return (
        case("neither id", Refused("MissingParameter.MissingParamError", "Specify `InstanceId` or `RoGroupId`.")),
        case(
            "both ids",
            Refused("InvalidParameter", "Specify either `InstanceId` or `RoGroupId`, not both."),
            InstanceId=ON.id,
            RoGroupId=RO_GROUP.id,
        ),
        case("unknown instance", Refused(NO_INSTANCE, "The instance `cdb-nobody00` does not exist."), InstanceId="cdb-nobody00"),
        case(
            "unknown RO group",
            Refused("InternalError.DBRecordNotExistError", "The RO group `cdbrg-nobody00` does not exist."),
            RoGroupId="cdbrg-nobody00",
        ),
        case("read-only instance", IS_READ_ONLY, InstanceId=REPLICA),
        case("single-node", no_ssl(SINGLE_NODE, "single-node", "OperationDenied.NotSupportBasic"), InstanceId=SINGLE_NODE.id),
        case("cluster edition", no_ssl(CLUSTER, "cluster", "OperationDenied.InstTypeNotSupport"), InstanceId=CLUSTER.id),
        case("watched instance", watched(OFF), InstanceId=OFF.id),
        case("watched RO group", watched(RO_GROUP), RoGroupId=RO_GROUP.id),
    )


def watched(one):
    return Refused(
        "OperationDenied.ActionNotSupport",
        re.compile(
            rf"`{one.id}` is not changed: its node `127\.0\.0\.1:\d+` is registered with the driver `observe`\. "
            "Register it with `sql` or `agent` to have it switched\\."
        ),
    )


BY_NAME = tuple(sorted(INSTANCES, key=lambda instance: instance.name))

CASES = (
    # The question, and its answers.
    ssl_status("on", Answered({"Status": "ON", "Url": link(ON.id)}), InstanceId=ON.id),
    ssl_status("off", Answered({"Status": "OFF", "Url": ""}), InstanceId=OFF.id),
    # One plaintext node is enough for OFF; the other one's certificate can be downloaded all the same.
    ssl_status("one node of two is off", Answered({"Status": "OFF", "Url": link(MIXED.id)}), InstanceId=MIXED.id),
    ssl_status("RO group on", Answered({"Status": "ON", "Url": link(RO_GROUP.id)}), RoGroupId=RO_GROUP.id),
    # What a caller can get wrong about the instance.
    ssl_status("neither id", Refused("MissingParameter.MissingParamError", "Specify `InstanceId` or `RoGroupId`.")),
    ssl_status(
        "both ids",
        Refused("InvalidParameter", "Specify either `InstanceId` or `RoGroupId`, not both."),
        InstanceId=ON.id,
        RoGroupId=RO_GROUP.id,
    ),
    ssl_status(
        "unknown instance",
        Refused(NO_INSTANCE, "The instance `cdb-nobody00` does not exist."),
        InstanceId="cdb-nobody00",
    ),
    ssl_status("read-only instance", IS_READ_ONLY, InstanceId=REPLICA),
    ssl_status("single-node", no_ssl(SINGLE_NODE, "single-node"), InstanceId=SINGLE_NODE.id),
    ssl_status("cluster edition", no_ssl(CLUSTER, "cluster"), InstanceId=CLUSTER.id),
    ssl_status(
        "unknown RO group",
        Refused("InternalError.DBRecordNotExistError", "The RO group `cdbrg-nobody00` does not exist."),
        RoGroupId="cdbrg-nobody00",
    ),
    # The other node is ON, which is not enough to say so of the instance.
    ssl_status(
        "one node of two is down",
        Refused(
            "InternalError.ExecHttpRequestError",
            re.compile(rf"The node `127\.0\.0\.1:{DOWN.nodes[1].port}` cannot be judged: .+\."),
        ),
        InstanceId=DOWN.id,
    ),
    # Switching, where it is refused; test_switching.py has the rest.
    *neither_on_nor_off("OpenSSL"),
    *neither_on_nor_off("CloseSSL"),
    Case(
        "unknown task",
        "DescribeAsyncRequestInfo",
        {"AsyncRequestId": "f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7"},
        Refused("InvalidParameter.InvalidAsyncRequestId", "There is no task `f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7`."),
    ),
    Case("tasks of an instance that had none", "DescribeTasks", {"InstanceId": OFF.id, "TaskStatus": [1, 2]}, Listed((), 0)),
    # What the gateway says: in the language that the client asks for.
    Case(
        "wrong key",
        "DescribeSSLStatus",
        {"InstanceId": ON.id},
        Refused(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please check your signature is correct.",
            "请求签名验证失败，请检查您的签名计算是否正确。",
        ),
        who="wrong key",
    ),
    Case(
        "unknown SecretId",
        "DescribeSSLStatus",
        {"InstanceId": ON.id},
        Refused(
            "AuthFailure.SecretIdNotFound",
            "The SecretId is not found, please ensure that your SecretId is correct.",
            "SecretId不存在，请输入正确的密钥。",
        ),
        who="unknown",
    ),
    Case(
        "unknown action",
        "DescribeSSLStatuses",
        {},
        Refused("InvalidAction", "The request `Action` is invalid or not found.", "请求的 `Action` 无效或不存在。"),
        generic=True,
    ),
    Case(
        "unknown parameter",
        "DescribeSSLStatus",
        {"InstanceId": ON.id, "Instance": "x"},
        Refused(
            "UnknownParameter",
            "The parameter `Instance` is not recognized.",
            "未知参数 `Instance`，用户多传未定义的参数会导致错误",
        ),
        generic=True,
    ),
    Case(
        "wrong JSON type",
        "DescribeSSLStatus",
        {"InstanceId": 5},
        Refused("InvalidParameter.JsonUnmarshalError", re.compile(".*InstanceId.*"), re.compile(".*InstanceId.*")),
        generic=True,
        json_only=True,
    ),
    # A caller who chooses a language gets that one, whatever the client's own is.
    Case(
        "wrong key, in English",
        "DescribeSSLStatus",
        {"InstanceId": ON.id},
        Refused(
            "AuthFailure.SignatureFailure",
            "The provided credentials could not be validated. Please check your signature is correct.",
        ),
        who="wrong key",
        language="en-US",
    ),
    Case(
        "wrong key, in Chinese",
        "DescribeSSLStatus",
        {"InstanceId": ON.id},
        Refused("AuthFailure.SignatureFailure", None, "请求签名验证失败，请检查您的签名计算是否正确。"),
        who="wrong key",
        language="zh-CN",
    ),
    # Lists, with filters and pages.
    Case(
        "instances by id",
        "DescribeDBInstances",
        {"InstanceIds": [ON.id, OFF.id], "OrderBy": "instanceName", "OrderDirection": "ASC"},
        Listed(tuple(i.id for i in BY_NAME if i in (ON, OFF)), 2),
    ),
    Case("instances by name", "DescribeDBInstances", {"InstanceNames": [MIXED.name]}, Listed((MIXED.id,), 1)),
    Case("instances of no state", "DescribeDBInstances", {"Status": [5]}, Listed((), 0)),
    Case(
        "second page of instances",
        "DescribeDBInstances",
        {"InstanceTypes": [1], "OrderBy": "instanceName", "OrderDirection": "ASC", "Offset": 2, "Limit": 2},
        Listed(tuple(i.id for i in BY_NAME[2:4]), len(INSTANCES)),
    ),
)
