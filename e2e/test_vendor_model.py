"""Is our contract the vendor's? Every action, every structure, every field: name, type, required."""

import copy
import json

import pytest

import model
import programs

CONTRACT = programs.REPOSITORY / "contract" / "cdb-2017-03-20.json"
# The Chinese model is ours; this is what the international one lacks.
ONLY_IN_CHINA = [
    "DescribeDBInstances.output.Items[].DiskEncryption: the vendor has no such field",
    "DescribeDBInstances.output.Items[].RoGroups[].RoGroupType: the vendor has no such field",
    "DescribeDBInstances.output.Items[].SlaveInfo.Third: the vendor has no such field",
    "DescribeRoGroups.output.RoGroups[].RoGroupType: the vendor has no such field",
]


def contract():
    return json.loads(CONTRACT.read_text(encoding="utf-8"))


def test_the_contract_is_the_vendors():
    actions = {action["name"] for action in contract()["actions"]}
    assert {"DescribeSSLStatus", "DescribeDBInstances", "DescribeRoGroups"} <= actions
    assert {"OpenSSL", "CloseSSL", "DescribeAsyncRequestInfo", "DescribeTasks"} <= actions
    assert model.differences(contract(), model.load_vendor(programs.CACHE / "venv" / "lib")) == []


def test_the_international_model_differs_only_where_it_is_behind():
    assert sorted(model.differences(contract(), model.load_vendor(programs.CACHE / "intl"))) == ONLY_IN_CHINA


def test_the_integers_of_the_inputs_are_the_vendors():
    """Signed or not: a program in Go or C# that sets a parameter has to know, and the code samples know it from our contract."""
    vendor = model.load_vendor(programs.CACHE / "venv" / "lib")
    for action in contract()["actions"]:
        theirs = {
            member["name"]: member["member"]
            for member in vendor["objects"][vendor["actions"][action["name"]]["input"]]["members"]
            if member["member"] in ("int64", "uint64")
        }
        fields = {name: field.get("items", field) for name, field in action["input"]["properties"].items()}
        assert {name: field["format"] for name, field in fields.items() if "format" in field} == theirs, action["name"]


def test_no_field_of_the_contract_could_be_lost_unnoticed():
    vendor = model.load_vendor(programs.CACHE / "venv" / "lib")
    whole = contract()
    for properties in list(every_properties(whole)):
        for name in list(properties):
            lost = properties.pop(name)
            assert any(name in line for line in model.differences(whole, vendor)), name
            properties[name] = lost


def every_properties(schema):
    """The `properties` of every structure, however deep."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema["properties"]
        schema = schema.values()
    if not isinstance(schema, str | int | float | None):
        for part in schema:
            yield from every_properties(part)


# The comparer itself, on one small action of both sides.

VENDOR = {
    "actions": {"ListThings": {"input": "ListThingsRequest", "output": "ListThingsResponse"}},
    "objects": {
        "ListThingsRequest": {
            "members": [
                {"name": "Owner", "type": "string", "member": "string", "required": True, "disabled": False},
                {"name": "Sizes", "type": "list", "member": "uint64", "required": False, "disabled": False},
                {"name": "Old", "type": "string", "member": "string", "required": False, "disabled": True},
            ]
        },
        "ListThingsResponse": {
            "members": [
                {
                    "name": "Items",
                    "type": "list",
                    "member": "Thing",
                    "output_required": True,
                    "value_allowed_null": False,
                },
                {"name": "RequestId", "type": "string", "member": "string"},
            ]
        },
        "Thing": {
            "members": [
                {
                    "name": "Name",
                    "type": "string",
                    "member": "string",
                    "required": True,
                    "output_required": True,
                    "value_allowed_null": False,
                },
                {
                    "name": "Weight",
                    "type": "float",
                    "member": "float",
                    "required": True,
                    "output_required": False,
                    "value_allowed_null": True,
                },
            ]
        },
    },
}

CONTRACT_FOR_VENDOR = {
    "actions": [
        {
            "name": "ListThings",
            "input": {
                "type": "object",
                "required": ["Owner"],
                "properties": {
                    "Owner": {"$ref": "#/$defs/Owner"},
                    "Sizes": {"type": ["array", "null"], "items": {"type": "integer", "format": "uint64"}},
                },
                "$defs": {"Owner": {"oneOf": [{"type": "string", "const": "A"}, {"type": "string", "const": "B"}]}},
            },
            "output": {
                "type": "object",
                "required": ["Items"],
                "properties": {"Items": {"type": "array", "items": {"$ref": "#/$defs/Thing"}}},
                "$defs": {
                    "Thing": {
                        "type": "object",
                        "required": ["Name"],
                        "properties": {
                            "Name": {"type": "string"},
                            "Weight": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                        },
                    }
                },
            },
        }
    ]
}


def test_a_true_copy_has_no_differences():
    assert model.differences(CONTRACT_FOR_VENDOR, VENDOR) == []


def thing(action):
    return action["output"]["$defs"]["Thing"]


@pytest.mark.parametrize(
    ("breakage", "expected"),
    [
        (lambda a: a.update(name="ListThingz"), "ListThingz: the vendor has no such action"),
        (lambda a: a["input"]["properties"].pop("Sizes"), "ListThings.input.Sizes: missing, the vendor has it"),
        (
            lambda a: a["input"]["properties"].update(Old={"type": "string"}),
            "ListThings.input.Old: the vendor has no such field",
        ),
        (lambda a: a["input"]["required"].clear(), "ListThings.input.Owner: we say optional, the vendor says required"),
        (
            lambda a: a["input"]["required"].append("Sizes"),
            "ListThings.input.Sizes: we say required, the vendor says optional",
        ),
        (
            lambda a: a["input"]["properties"]["Sizes"].update(items={"type": "string"}),
            "ListThings.input.Sizes[]: we say string, the vendor says integer",
        ),
        (
            lambda a: a["input"]["properties"].update(Sizes={"type": "integer"}),
            "ListThings.input.Sizes: we say integer, the vendor says list of integer",
        ),
        (lambda a: thing(a)["properties"].pop("Weight"), "ListThings.output.Items[].Weight: missing, the vendor has it"),
        (
            lambda a: thing(a)["properties"].update(Colour={"type": "string"}),
            "ListThings.output.Items[].Colour: the vendor has no such field",
        ),
        (
            lambda a: thing(a)["properties"].update(Name={"type": "integer"}),
            "ListThings.output.Items[].Name: we say integer, the vendor says string",
        ),
        (
            lambda a: thing(a)["properties"].update(Name={"type": ["string", "null"]}),
            "ListThings.output.Items[].Name: we may answer null, the vendor never does",
        ),
        (
            lambda a: thing(a)["required"].append("Weight"),
            "ListThings.output.Items[].Weight: we say required, the vendor says optional",
        ),
    ],
)
def test_each_difference_is_named_with_its_path(breakage, expected):
    broken = copy.deepcopy(CONTRACT_FOR_VENDOR)
    breakage(broken["actions"][0])
    assert model.differences(broken, VENDOR) == [expected]


def test_a_misspelt_field_is_both_missing_and_unknown():
    broken = copy.deepcopy(CONTRACT_FOR_VENDOR)
    properties = thing(broken["actions"][0])["properties"]
    properties["Wieght"] = properties.pop("Weight")
    assert model.differences(broken, VENDOR) == [
        "ListThings.output.Items[].Weight: missing, the vendor has it",
        "ListThings.output.Items[].Wieght: the vendor has no such field",
    ]


THINGS = {"Items": [{"Name": "a", "Weight": None}, {"Name": "b", "Weight": 2.5}], "RequestId": "x"}


def test_an_answer_that_keeps_every_promise():
    assert model.broken_promises(THINGS, "ListThings", VENDOR) == []


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        ({}, ["ListThings.Items: required, but absent"]),
        ({"Items": None}, ["ListThings.Items: required, but null"]),
        ({"Items": {}}, ["ListThings.Items: {} is no list"]),
        ({"Items": [{"Name": "a"}, 5]}, ["ListThings.Items[1]: 5 is no object"]),
        ({"Items": [{"Name": 5}]}, ["ListThings.Items[0].Name: 5 is no string"]),
        ({"Items": [{"Name": "a", "Weight": True}]}, ["ListThings.Items[0].Weight: True is no number"]),
        ({"Items": [{"Name": "a", "Colour": "red"}]}, ["ListThings.Items[0].Colour: unknown to the vendor"]),
    ],
)
def test_each_broken_promise_is_named_with_its_path(answer, broken):
    assert model.broken_promises(answer, "ListThings", VENDOR) == broken
