"""Each request of each command loses its answer once, in each way; then the same command again has to make everything true."""

import collections
import concurrent.futures
import random

from chaos import judge
from chaos.kills import AFTER, PARAMETER
from chaos.world import ACCOUNT, LAYER, PARTNER, REGIONS, World
from peers import table as print_table

# Quick, but so that a lost request may still be under way when the next one comes.
MANNER = {
    "seconds": {"lambda:PublishLayerVersion": [0.1, 1.5], "*": [0, 0.05]},
    "late": {"lambda:ListLayerVersions": 1, "lambda:ListFunctions": 1},
}
PUBLISH_SECONDS = 4
READS = ("Get", "List", "Head", "Describe")
HOWS = ("reset", 503, "silence")


def commands(world):
    """Each command, started: what makes its request, and what it does."""
    return {
        "publish": lambda: world.publish("new", AFTER),
        "share": lambda: world.start("share", ["--share-with", PARTNER]),
        "label": lambda: world.start("label", ["--labels", "production", "--ssm-parameter", "/layers/{layer}/{label}"]),
        "attach": lambda: world.start("attach", ["--attach-to", "orders"]),
        "cleanup": lambda: world.start("cleanup", ["--keep-versions", "1", "--apply"]),
    }


def prepare(world, command):
    """What has to be there before the command."""
    if command in ("share", "label", "attach"):
        world.publish("new").wait()
    if command == "attach":
        world.make_function("orders")
    if command == "cleanup":
        for content in ("old", "older", "new"):
            world.publish(content).wait()
        world.age()


def cases(program, folder, arguments):
    """Every request of every command, as a run without losses makes them."""
    with concurrent.futures.ThreadPoolExecutor(len(AS_WANTED)) as pool:
        each = pool.map(lambda command: requests(program, folder / command, command), AS_WANTED)
        found = [case for own in each for case in own]
    numbered = [(number, (number, *case)) for number, case in enumerate(found, 1)]
    if arguments.only:
        return [case for case in numbered if case[0] in arguments.only]
    if arguments.sample:
        return sorted(random.Random(f"lost {arguments.seed}").sample(numbered, min(arguments.sample, len(numbered))))
    return numbered[: arguments.runs]


def requests(program, folder, command):
    found = []
    with World(program, folder, 0, PUBLISH_SECONDS) as world:
        prepare(world, command)
        world.behave(MANNER)
        done = commands(world)[command]().wait()
        if done.code != 0:
            raise RuntimeError(f"{command} fails without any loss: {done.error()}")
        for row in world.control("requests"):
            is_read = row["operation"].split(":")[1].startswith(READS)
            for number in range(row["count"]):
                for when in ("before",) if is_read else ("before", "after"):
                    found += [(command, row["operation"], row["region"], number, when, how) for how in HOWS]
    return found


def name(case):
    number, command, operation, region, index, when, how = case
    return f"lost --only {number} ({command}: {operation} {index + 1} in {region}, {how} {when} the effect)"


def run(program, folder, case):
    number, command, operation, region, index, when, how = case
    bad = []
    with World(program, folder, number, PUBLISH_SECONDS) as world:
        prepare(world, command)
        loss = {"operation": operation, "region": region, "skip": index, "times": 1, "when": when, "how": how}
        world.behave(MANNER | {"lost": [loss]})
        start = commands(world)[command]
        first = start().wait()
        if first.code not in (0, 2):
            bad.append(f"the run {first.how()}: {first.error()}")
        world.behave(MANNER)
        again = start().wait()
        if again.code != 0:
            bad.append(f"the run after it {again.how()}: {again.error()}")
        world.settle()
        world.behave({})
        there = judge.now(world)
        bad += judge.doubled(there) + judge.untrue(world, there) + judge.dangling(world, there)
        bad += AS_WANTED[command](world, there)
    return {"bad": bad, "code": first.code}


def is_labelled(world, there):
    return judge.unfinished(world, there, f"/layers/{LAYER}/production", "production", None)


def is_attached(world, there):
    bad = []
    for region in REGIONS:
        wanted = [f"arn:aws:lambda:{region}:{ACCOUNT}:layer:{LAYER}:1"]
        layers = world.client("lambda", region).get_function_configuration(FunctionName="orders").get("Layers", [])
        if [layer["Arn"] for layer in layers] != wanted:
            bad.append(f"orders in {region} has {layers}")
    return bad


AS_WANTED = {
    "publish": lambda world, there: judge.unfinished(world, there, PARAMETER, "production", PARTNER),
    "share": lambda world, there: judge.unfinished(world, there, None, None, PARTNER),
    "label": is_labelled,
    "attach": is_attached,
    "cleanup": lambda world, there: [
        f"{region} has versions {sorted(found)}" for region, found in there.items() if sorted(found) != [3]
    ],
}


def table(rows):
    by_command = collections.defaultdict(list)
    for row in rows:
        by_command[row["case"][1]].append(row)
    print_table(
        ["command", "answers lost", "went on by itself", "had to be run again", "bad"],
        [
            [
                command,
                len(own),
                sum(row.get("code") == 0 for row in own),
                sum(row.get("code") == 2 for row in own),
                sum(bool(row["bad"]) for row in own),
            ]
            for command, own in by_command.items()
        ],
    )
