"""Publishes of equal and different content, clean-ups and functions, all at the same time.

The versions that are there at first are old, so that clean-ups remove them, and publishes go back to what they have. What a
run hands out is young from then on: it has to stay, for a race is over long before the grace period of clean-ups.
"""

import random
import threading
import time

from botocore.exceptions import ClientError

from chaos import judge
from chaos.world import LAYER, PARTNER, REGIONS, SLOW, World
from peers import table as print_table

PARAMETER = ["--ssm-parameter", "/layers/{layer}/latest"]
SECONDS = 25
# A publish is quicker than in `kills`, so that there are more of them.
MANNER = SLOW | {
    "seconds": SLOW["seconds"] | {"lambda:PublishLayerVersion": [0.3, 3]},
    "late": {"lambda:ListLayerVersions": 3, "lambda:ListFunctions": 3},
}
PUBLISH_SECONDS = 7
OLD = ("a", "b", "c")


def cases(program, folder, arguments):
    return [(seed, seed) for seed in range(arguments.seed, arguments.seed + (arguments.runs or 20))]


def name(seed):
    return f"races --seed {seed} --runs 1"


class Race:
    def __init__(self, world, seed):
        self.world, self.seed, self.end = world, seed, time.monotonic() + SECONDS
        self.bad, self.handed_out, self.lock = [], [], threading.Lock()
        self.counts = dict.fromkeys(("publishes", "clean-ups", "attached", "again"), 0)

    def goes_on(self):
        return time.monotonic() < self.end

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def judge_code(self, run, what):
        """Whether it succeeded; 2 asks to run again, anything else is wrong here."""
        if run.code == 2:
            self.count("again")
        elif run.code != 0:
            with self.lock:
                self.bad.append(f"{run.log.name} {run.how()}: {run.error()}")
        else:
            self.count(what)
        return run.code == 0

    def publisher(self, number):
        chance = random.Random(f"publisher {self.seed} {number}")
        while self.goes_on():
            content = chance.choice([*OLD, "new", f"new-{number}"])
            run = self.world.publish(content, [*PARAMETER, "--share-with", PARTNER]).wait()
            if self.judge_code(run, "publishes"):
                for region, arn in run.arns().items():
                    gone = "" if self.is_there(region, arn) else " and is gone already"
                    with self.lock:
                        self.handed_out.append((region, arn, run.log.name))
                        if gone:
                            self.bad.append(f"{run.log.name} handed out {arn}{gone}")
            time.sleep(chance.uniform(0, 1))

    def cleaner(self, number):
        chance = random.Random(f"cleaner {self.seed} {number}")
        while self.goes_on():
            self.judge_code(self.world.run("cleanup", ["--keep-versions", "1", "--apply"]), "clean-ups")
            time.sleep(chance.uniform(0, 1))

    def attacher(self):
        """By the program: what is current."""
        chance = random.Random(f"attacher {self.seed}")
        while self.goes_on():
            self.judge_code(self.world.run("attach", ["--attach-to", "orders"]), "attached")
            time.sleep(chance.uniform(0, 2))

    def hand(self):
        """By hand, through the API: what a run handed out."""
        chance = random.Random(f"hand {self.seed}")
        while self.goes_on():
            with self.lock:
                region, arn, log = chance.choice(self.handed_out or [(None, None, None)])
            if arn:
                try:
                    self.world.client("lambda", region, aside=False).update_function_configuration(
                        FunctionName="by-hand", Layers=[arn]
                    )
                    self.count("attached")
                except ClientError as error:
                    if self.is_there(region, arn):
                        continue
                    with self.lock:
                        self.bad.append(f"{arn}, which {log} handed out, is gone when a function is to get it: {error}")
            time.sleep(chance.uniform(0.2, 2))

    def is_there(self, region, arn):
        aws = self.world.client("lambda", region)
        try:
            aws.get_layer_version(LayerName=LAYER, VersionNumber=int(arn.rpartition(":")[2]))
            return True
        except ClientError:
            return False


def run(program, folder, seed):
    chance = random.Random(f"races {seed}")
    with World(program, folder, seed, PUBLISH_SECONDS) as world:
        for content in OLD:
            world.publish(content).wait()
        world.age()
        world.make_function("orders")
        world.make_function("by-hand")
        for region in REGIONS:
            world.client("lambda", region)
            world.client("lambda", region, aside=False)
        world.behave(MANNER)
        race = Race(world, seed)
        work = [lambda number=number: race.publisher(number) for number in range(chance.randint(2, 4))]
        work += [lambda number=number: race.cleaner(number) for number in range(chance.randint(1, 2))]
        threads = [threading.Thread(target=job) for job in (*work, race.attacher, race.hand)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.settle()
        world.behave({})
        there = judge.now(world)
        bad = race.bad + judge.doubled(there) + judge.untrue(world, there) + judge.dangling(world, there)
        alive = {judge.arn(region, number) for region in REGIONS for number in there[region]}
        for arn in sorted({arn for _, arn, _ in race.handed_out} - alive):
            runs = sorted(log for _, other, log in race.handed_out if other == arn)
            bad.append(f"{arn} was handed out by {', '.join(runs)}, and is gone")
        if not race.counts["publishes"]:
            bad.append("no publish succeeded")
    return {"bad": bad, **race.counts}


def table(rows):
    names = ("publishes", "clean-ups", "attached", "again")
    print_table(
        ["races", "publishes", "clean-ups", "functions changed", "runs that ask to be run again", "bad races"],
        [[len(rows), *(sum(row.get(name, 0) for row in rows) for name in names), sum(bool(row["bad"]) for row in rows)]],
    )
