"""A publish is killed at a random moment, perhaps a second one too; then one clean run has to make everything true."""

import random
import signal
import time

from chaos import judge
from chaos.world import PARTNER, SLOW, World
from peers import table as print_table

PARAMETER = "/layers/shared/latest"
AFTER = ["--share-with", PARTNER, "--ssm-parameter", "/layers/{layer}/latest", "--labels", "production", "--move", "true"]
# A whole publish on the slow service takes so long at most, nearly always.
LONGEST_PUBLISH = 13


def cases(program, folder, arguments):
    return [(seed, seed) for seed in range(arguments.seed, arguments.seed + (arguments.runs or 20))]


def name(seed):
    return f"kills --seed {seed} --runs 1"


def run(program, folder, seed):
    chance = random.Random(f"kills {seed}")
    row = {"bad": [], "before": 0, "signals": 0}
    with World(program, folder, seed) as world:
        if chance.random() < 0.4:
            world.publish("old", AFTER).wait()
        world.behave(SLOW)
        contents = ["new"] * (2 if chance.random() < 0.3 else 1)
        for content in contents:
            killed = world.publish(content, AFTER, "killed")
            time.sleep(chance.uniform(0, LONGEST_PUBLISH))
            how = signal.SIGTERM if chance.random() < 0.2 else signal.SIGKILL
            killed.kill(how)
            killed.wait()
            row["signals"] += killed.killed
            row["before"] += not killed.killed
            time.sleep(chance.choice([0, 0, chance.uniform(0, 3)]))
        started = time.monotonic()
        clean = world.publish("new", AFTER, "clean").wait()
        row["clean"] = time.monotonic() - started
        if clean.code != 0:
            row["bad"].append(f"the clean run {clean.how()}: {clean.error()}")
        world.settle()
        world.behave({})
        there = judge.now(world)
        row["bad"] += judge.doubled(there) + judge.untrue(world, there)
        row["bad"] += judge.unfinished(world, there, PARAMETER, "production", PARTNER) + judge.dangling(world, there)
        if clean.code == 0 and not row["bad"]:
            again = world.publish("new", AFTER, "again").wait()
            if again.code != 0 or "unchanged" not in again.said():
                row["bad"].append(f"a further run {again.how()} and finds something to do: {again.error()}")
        refused = world.control("refused")
        row["bad"] += [f"refused: {refused[0]}"] if refused else []
    return row


def table(rows):
    clean = sorted(row.get("clean", 0) for row in rows)
    print_table(
        ["runs", "killed while they ran", "ended before", "bad", "clean run, s: median, longest"],
        [
            [
                len(rows),
                sum(row.get("signals", 0) for row in rows),
                sum(row.get("before", 0) for row in rows),
                sum(bool(row["bad"]) for row in rows),
                f"{clean[len(clean) // 2]:.1f}, {clean[-1]:.1f}",
            ]
        ],
    )
