"""Refuses what botocore's service models would refuse: members, required ones, types, patterns, lengths, values, ranges.

AWS says all at once: "2 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must …".
Of one thing AWS would say nothing: an unknown member, which it reads over. Here it is refused, for it is a mistake.
"""

import re
import urllib.parse

from shapes import Check, Malformed

PROTOCOLS = ("json", "rest-json", "query", "rest-xml")


def problems(asked):
    """Each constraint that the request breaks, in AWS's words; Malformed if it cannot be read at all."""
    shape = asked.model.input_shape
    if shape is None or asked.protocol not in PROTOCOLS:
        return []
    check = Check()
    if asked.protocol == "json":
        check.value(shape, body_of(asked))
    elif asked.protocol == "rest-json":
        check.value(shape, rest(asked, shape, body_of(asked)))
    else:
        unknown = unknown_names(asked, shape)
        if unknown:
            raise Malformed(f"Unknown member: {', '.join(sorted(unknown))}")
        check.value(shape, asked.members())
    return check.found


def message(found):
    plural = "s" if len(found) > 1 else ""
    return f"{len(found)} validation error{plural} detected: {'; '.join(found)}"


def body_of(asked):
    if "payload" in asked.model.input_shape.serialization:
        return {}
    try:
        body = asked.json()
    except ValueError as error:
        raise Malformed(f"Could not parse request body into json: {error}") from error
    if not isinstance(body, dict):
        raise Malformed("Could not parse request body into json: it is no object")
    return body


def rest(asked, shape, body):
    """Members from path, query and headers with their types, and those of the body."""
    values, queried = {}, set()
    for name, member in shape.members.items():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri":
            values[name] = typed(member, asked.in_path.get(key), name)
        elif place == "querystring":
            queried.add(key)
            values[name] = typed(member, asked.query.get(key), name)
        elif place == "header":
            values[name] = typed(member, asked.request.headers.get(key), name)
        elif key in body and name != key:
            body = body | {name: body[key]}
            del body[key]
    template = asked.model.http.get("requestUri", "").partition("?")[2]
    queried |= set(dict(urllib.parse.parse_qsl(template, keep_blank_values=True)))
    unknown = set(asked.query) - queried
    if unknown and not any(
        member.serialization.get("location") == "querystring" and member.type_name == "map" for member in shape.members.values()
    ):
        raise Malformed(f"Unknown in the query: {', '.join(sorted(unknown))}")
    return body | {name: value for name, value in values.items() if value is not None}


def typed(member, text, name):
    if text is None or member.type_name not in ("integer", "long", "boolean"):
        return [text] if text is not None and member.type_name == "list" else text
    if member.type_name == "boolean" and text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+", text) and member.type_name != "boolean":
        return int(text)
    raise Malformed(f"{text!r} at {name!r} is no {member.type_name}")


def unknown_names(asked, shape):
    """Of forms and of S3's queries."""
    if asked.protocol == "query":
        names = {member.serialization.get("name", name) for name, member in shape.members.items()} | {"Action", "Version"}
        return {key.split(".")[0] for key in asked.request.values} - names
    known = {member.serialization.get("name") for member in shape.members.values()} | {"x-id"}
    known |= set(dict(urllib.parse.parse_qsl(asked.model.http["requestUri"].partition("?")[2], keep_blank_values=True)))
    return {key for key in asked.query if key not in known and not key.lower().startswith("x-amz-")}
