"""AWS's own words of refusals: the rows of refusals.yml, filled in for a request."""

import functools
from pathlib import Path

from answer import refusal


@functools.cache
def table():
    import yaml  # Takes its time, and few runs refuse anything.

    return {row["name"]: row for row in yaml.safe_load(Path(__file__).with_name("refusals.yml").read_text())}


def refuse(asked, row):
    """The answer of a row of the manner."""
    words = table()[row["as"]] | row if "as" in row else row
    if "policy" in words:
        words = of_policy(asked, words["policy"]) | row
    protocols = words.get("protocols", {})
    said = words | protocols.get(asked.protocol, {})
    names = {
        "principal": f"arn:aws:sts::{asked.account}:assumed-role/deploy/GitHubActions",
        "action": asked.action,
        "resource": resource(asked),
        "account": asked.account,
        "region": asked.region,
        "name": name(asked),
    } | {key: row[key] for key in ("principal", "resource") if key in row}
    return refusal(asked, said["status"], said["code"], said["message"].format_map(names), words.get("members"))


def of_policy(asked, policy):
    """A policy says no: who, what, on which resource, and why."""
    status = 400 if asked.protocol == "json" else 403
    code = "AccessDeniedException" if "json" in asked.protocol else "AccessDenied"
    quote = '"' if asked.service == "s3" else ""
    message = f"User: {{principal}} is not authorized to perform: {{action}} on resource: {quote}{{resource}}{quote} {policy}"
    return {"status": status, "code": code, "message": message}


def name(asked):
    """What the request calls what it is about."""
    if asked.protocol == "json":
        members = asked.json()
        return members.get("Name") or (members.get("Names") or [""])[0]
    return next(iter(asked.in_path.values()), "")


def resource(asked):
    start, inside = f"arn:aws:{asked.service}:{asked.region}:{asked.account}", asked.in_path
    if asked.service == "s3":
        return f"arn:aws:s3:::{inside.get('Bucket', '')}" + (f"/{inside['Key']}" if "Key" in inside else "")
    if "LayerName" in inside:
        version = f":{inside['VersionNumber']}" if "VersionNumber" in inside else ""
        return f"{start}:layer:{inside['LayerName']}{version}"
    if "FunctionName" in inside:
        return f"{start}:function:{inside['FunctionName'].rpartition(':')[2]}"
    if asked.service == "ssm":
        return f"{start}:parameter/{name(asked).lstrip('/')}"
    if asked.service == "sts":
        return asked.request.values.get("RoleArn", "*")
    return "*"
