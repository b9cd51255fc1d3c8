#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the JSON document on standard input against a schema file: the part of JSON Schema that our
# schemas use (type, required, properties, additionalProperties, items, enum, const, minimum,
# pattern, oneOf, anyOf, $ref within the file). A word that is not known here is an error, so that
# no rule is silently ignored.
import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NOTES = {"$schema", "$id", "title", "description", "definitions", "$defs", "default", "examples",
         "$comment"}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check(value, schema, root, where):
    if schema is True:
        return []
    if "$ref" in schema:
        part = root
        for key in schema["$ref"].lstrip("#/").split("/"):
            part = part[key]
        return check(value, part, root, where)
    bad = []
    for word, rule in schema.items():
        if word in NOTES:
            continue
        if word == "type":
            names = rule if isinstance(rule, list) else [rule]
            if not any(is_type(value, n) for n in names):
                bad.append(f"{where}: {value!r} is no {rule}")
        elif word == "required":
            if isinstance(value, dict):
                bad += [f"{where}: {k} is missing" for k in rule if k not in value]
        elif word == "properties":
            if isinstance(value, dict):
                for key, part in rule.items():
                    if key in value:
                        bad += check(value[key], part, root, f"{where}.{key}")
        elif word == "additionalProperties":
            if isinstance(value, dict) and rule is not True:
                for key in value.keys() - schema.get("properties", {}).keys():
                    bad += [f"{where}: {key} is not known"] if rule is False else check(
                        value[key], rule, root, f"{where}.{key}")
        elif word == "items":
            if isinstance(value, list):
                for i, item in enumerate(value):
                    bad += check(item, rule, root, f"{where}[{i}]")
        elif word == "enum":
            if value not in rule:
                bad.append(f"{where}: {value!r} is none of {rule}")
        elif word == "const":
            if value != rule:
                bad.append(f"{where}: {value!r} is not {rule!r}")
        elif word == "minimum":
            if isinstance(value, (int, float)) and value < rule:
                bad.append(f"{where}: {value} is less than {rule}")
        elif word == "maximum":
            if isinstance(value, (int, float)) and value > rule:
                bad.append(f"{where}: {value} is more than {rule}")
        elif word in ("minItems", "minLength"):
            if isinstance(value, (list, str)) and len(value) < rule:
                bad.append(f"{where}: too short")
        elif word == "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                bad.append(f"{where}: {value!r} does not match {rule}")
        elif word in ("oneOf", "anyOf"):
            fits = [not check(value, part, root, where) for part in rule]
            if not any(fits) or (word == "oneOf" and sum(fits) != 1):
                bad.append(f"{where}: {value!r} fits {sum(fits)} of {word}")
        else:
            bad.append(f"{where}: the schema says {word!r}, which this checker does not know")
    return bad


with open(sys.argv[1], encoding="utf-8") as f:
    top = json.load(f)
wrong = check(json.load(sys.stdin), top, top, "$")
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
