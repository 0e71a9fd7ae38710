"""What must be true when nothing is under way any more."""

import json

from chaos.world import ACCOUNT, LAYER, REGIONS


def versions(world, region):
    """All versions that exist: number to content."""
    aws = world.client("lambda", region)
    pages = aws.get_paginator("list_layer_versions").paginate(LayerName=LAYER)
    numbers = [item["Version"] for page in pages for item in page["LayerVersions"]]
    return {number: aws.get_layer_version(LayerName=LAYER, VersionNumber=number)["Content"]["CodeSha256"] for number in numbers}


def arn(region, number):
    return f"arn:aws:lambda:{region}:{ACCOUNT}:layer:{LAYER}:{number}"


def doubled(there):
    """Contents with more than one version, by region."""
    bad = []
    for region, found in there.items():
        for content in sorted(set(found.values())):
            numbers = sorted(number for number, other in found.items() if other == content)
            if len(numbers) > 1:
                bad.append(f"doubled in {region}: versions {numbers} have {content[:8]}")
    return bad


def untrue(world, there, complete=True):
    """Whether the state names what exists, under the content that it has, and nothing is claimed; `complete`: and all of it."""
    state = world.state()
    if state is None:
        return ["there is no state"]
    bad = [f"a claim is left: {json.dumps(state['claim'])[:200]}"] if state.get("claim") else []
    for region in REGIONS:
        named = {}
        for content, record in state["contents"].items():
            version = record["versions"].get(f"{ACCOUNT}/{region}")
            if version:
                named[version["version"]] = content
        for number, content in sorted(named.items()):
            if there[region].get(number) != content:
                bad.append(
                    f"the state names {region}:{number} with {content[:8]}, which has {there[region].get(number, 'gone')[:8]}"
                )
        unknown = sorted(set(there[region]) - set(named))
        if unknown and complete:
            bad.append(f"the state does not know versions {unknown} of {region}")
    return bad


def unfinished(world, there, parameter, label, partner):
    """Parameter, label and policy of what is current."""
    state, bad = world.state(), []
    if state is None:
        return bad
    current = (state["builds"].get(state["current"]) or {}).get("content")
    if current is None:
        return [f"the state says that {state['current']} is current, and has no content for it"]
    if label and state.get("labels", {}).get(label) != [current]:
        bad.append(f"the label `{label}` is on {state.get('labels', {}).get(label)}, not on {current[:8]}")
    for region in REGIONS:
        record = state["contents"][current]["versions"].get(f"{ACCOUNT}/{region}")
        if record is None:
            bad.append(f"what is current has no version in {region}")
            continue
        if parameter:
            found = world.client("ssm", region).get_parameters(Names=[parameter])["Parameters"]
            value = found[0]["Value"] if found else "missing"
            if value != record["arn"]:
                bad.append(f"the parameter in {region} is {value}, not {record['arn']}")
        if partner and record["version"] in there[region]:
            bad += unshared(world, region, record["version"], partner)
    return bad


def unshared(world, region, number, partner):
    aws = world.client("lambda", region)
    try:
        policy = json.loads(aws.get_layer_version_policy(LayerName=LAYER, VersionNumber=number)["Policy"])
    except aws.exceptions.ResourceNotFoundException:
        return [f"{region}:{number} is not shared"]
    principals = [json.dumps(statement["Principal"]) for statement in policy["Statement"]]
    if len(principals) != 1 or partner not in principals[0]:
        return [f"{region}:{number} is shared with {principals}"]
    return []


def dangling(world, there):
    """Functions and parameters that name a version which is gone."""
    bad = []
    for region in REGIONS:
        alive = {arn(region, number) for number in there[region]}
        for function in world.client("lambda", region).list_functions()["Functions"]:
            bad += [
                f"{function['FunctionName']} in {region} has {layer['Arn']}, which is gone"
                for layer in function.get("Layers", [])
                if layer["Arn"] not in alive
            ]
        for parameter in world.client("ssm", region).get_parameters_by_path(Path="/", Recursive=True)["Parameters"]:
            if parameter["Value"] not in alive:
                bad.append(f"{parameter['Name']} in {region} is {parameter['Value']}, which is gone")
    return bad


def now(world):
    """All versions of all regions as they are."""
    world.settle()
    return {region: versions(world, region) for region in REGIONS}
