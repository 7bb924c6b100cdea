"""Compares our contract with the API model that the vendor's tccli ships: names, types and required flags, all structures.

Both sides are first brought into one form, a shape:

    "string" | "integer" | "number" | "boolean"
    ["list", shape]
    {field name: Field(shape, required, nullable)}

and then compared field by field; every difference is one line that starts with the path of the field.
"""

import dataclasses
import json
import pathlib

VENDOR_SCALARS = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}
VENDOR_ELEMENTS = {
    **{name: "string" for name in ("string", "datetime", "date", "datetime_iso", "binary")},
    **{name: "integer" for name in ("int64", "uint64", "int", "integer")},
    **{name: "number" for name in ("float", "double")},
    "bool": "boolean",
}
SCHEMA_SCALARS = ("string", "integer", "number", "boolean")
PYTHON_TYPES = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}


API = "tccli/services/cdb/v20170320/api.json"


def load_vendor(folder):
    """The model of the one tccli that is installed below a folder."""
    (path,) = pathlib.Path(folder).glob(f"**/{API}")
    return json.loads(path.read_text(encoding="utf-8"))


@dataclasses.dataclass(frozen=True)
class Field:
    shape: object
    required: bool
    nullable: bool


def differences(contract, vendor):
    """Every way in which an action of our contract is not the vendor's, as `path: what`."""
    found = []
    for action in contract["actions"]:
        name = action["name"]
        if name not in vendor["actions"]:
            found.append(f"{name}: the vendor has no such action")
            continue
        entry = vendor["actions"][name]
        for side, schema, structure in (
            ("input", action["input"], entry["input"]),
            ("output", action["output"], entry["output"]),
        ):
            ours = ContractSide(schema).shape(schema)
            theirs = VendorSide(vendor["objects"], side).structure(structure)
            found += compare(f"{name}.{side}", ours, theirs, side)
    return found


def broken_promises(answer, action, vendor):
    """Where an answer is not what the vendor's model promises: a required field absent or null, a wrong type, an unknown field."""
    shape = VendorSide(vendor["objects"], "output").structure(vendor["actions"][action]["output"])
    return unkept(action, {name: value for name, value in answer.items() if name != "RequestId"}, shape)


def unkept(path, value, shape):
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [broken for i, item in enumerate(value) for broken in unkept(f"{path}[{i}]", item, shape[1])]
    if isinstance(shape, dict):
        return unkept_fields(path, value, shape) if isinstance(value, dict) else [f"{path}: {value!r} is no object"]
    return [] if type(value) in PYTHON_TYPES[shape] else [f"{path}: {value!r} is no {shape}"]


def unkept_fields(path, value, shape):
    broken = [f"{path}.{name}: unknown to the vendor" for name in value if name not in shape]
    for name, field in shape.items():
        # SDKs with a model fill in null for what was absent; to a caller the two are the same.
        if value.get(name) is not None:
            broken += unkept(f"{path}.{name}", value[name], field.shape)
        elif field.required and not field.nullable:
            broken.append(f"{path}.{name}: required, but {'null' if name in value else 'absent'}")
    return broken


def compare(path, ours, theirs, side):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return compare_fields(path, ours, theirs, side)
    if isinstance(ours, list) and isinstance(theirs, list):
        return compare(path + "[]", ours[1], theirs[1], side)
    if ours != theirs:
        return [f"{path}: we say {kind(ours)}, the vendor says {kind(theirs)}"]
    return []


def compare_fields(path, ours, theirs, side):
    found = [f"{path}.{name}: missing, the vendor has it" for name in theirs if name not in ours]
    found += [f"{path}.{name}: the vendor has no such field" for name in ours if name not in theirs]
    for name in ours:
        if name in theirs:
            found += compare_field(f"{path}.{name}", ours[name], theirs[name], side)
    return found


def compare_field(path, ours, theirs, side):
    found = []
    if ours.required != theirs.required:
        found.append(f"{path}: we say {flag(ours)}, the vendor says {flag(theirs)}")
    # Null and absent are the same to every client, so this matters only where a field is always there.
    if side == "output" and theirs.required and ours.nullable and not theirs.nullable:
        found.append(f"{path}: we may answer null, the vendor never does")
    return found + compare(path, ours.shape, theirs.shape, side)


def kind(shape):
    if isinstance(shape, dict):
        return "object"
    return f"list of {kind(shape[1])}" if isinstance(shape, list) else shape


def flag(field):
    return "required" if field.required else "optional"


class ContractSide:
    """JSON Schema, as far as schemars writes it."""

    def __init__(self, root):
        self.definitions = root.get("$defs", {})

    def shape(self, schema):
        schema, _ = self.resolve(schema)
        if schema.get("type") == "object" or "properties" in schema:
            required = schema.get("required", [])
            return {name: self.field(sub, name in required) for name, sub in schema.get("properties", {}).items()}
        if schema.get("type") == "array":
            return ["list", self.shape(schema["items"])]
        if schema.get("type") in SCHEMA_SCALARS:
            return schema["type"]
        raise ValueError(f"a schema of no known shape: {json.dumps(schema)}")

    def field(self, schema, required):
        resolved, nullable = self.resolve(schema)
        return Field(self.shape(resolved), required, nullable)

    def resolve(self, schema):
        """Follows references and takes null apart: the schema itself, and whether null is allowed as well."""
        if "$ref" in schema:
            return self.resolve(self.definitions[schema["$ref"].removeprefix("#/$defs/")])
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self.resolve_choice(schema[word])
        if isinstance(schema.get("type"), list):
            (real,) = (name for name in schema["type"] if name != "null")
            return {**schema, "type": real}, "null" in schema["type"]
        return schema, False

    def resolve_choice(self, choices):
        resolved = [self.resolve(choice) for choice in choices if choice.get("type") != "null"]
        nullable = len(resolved) < len(choices) or any(inner for _, inner in resolved)
        kinds = {inner.get("type") for inner, _ in resolved}
        # Several choices are one shape only if they are the same scalar, as a documented list of values is.
        if len(resolved) > 1 and not (len(kinds) == 1 and kinds <= set(SCHEMA_SCALARS)):
            raise ValueError(f"a choice between shapes: {json.dumps(choices)}")
        return resolved[0][0], nullable


class VendorSide:
    """tccli's api.json. Output members carry `output_required` and `value_allowed_null`, input members `required`."""

    def __init__(self, objects, side):
        self.objects = objects
        self.side = side

    def structure(self, name):
        members = self.objects[name]["members"]
        return {member["name"]: self.field(member) for member in members if counts(member)}

    def field(self, member):
        if self.side == "input":
            return Field(self.shape(member), member["required"], False)
        # One structure (SlaveInstanceInfo) has the input's flag in its output.
        flag_name = "output_required" if "output_required" in member else "required"
        return Field(self.shape(member), member[flag_name], member["value_allowed_null"])

    def shape(self, member):
        if member["type"] == "list":
            return ["list", self.element(member["member"])]
        return self.structure(member["member"]) if member["type"] == "object" else VENDOR_SCALARS[member["type"]]

    def element(self, name):
        return VENDOR_ELEMENTS.get(name) or self.structure(name)


def counts(member):
    """Withdrawn members do not, nor does RequestId: it is the envelope's, which the contract does not repeat in every action."""
    return not member.get("disabled") and member["name"] != "RequestId"
