#!/usr/bin/env python3
"""Compares the action's images: what a publish of wheels costs in each, and what pulling the image adds. Prints Markdown.

images.py IMAGE...                each a name that this machine's Docker has, as `lambda-layer:lite`

Sizes and seconds are measured. Pulling is not: it is modelled from the sizes, with the rates that are printed.
How to run it: benches/README.md.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("small", "data", "many")
WORK = ROOT / "target" / "bench-images"
# What a run does: with nothing in the cache, with a cache (`actions/cache`), and with nothing to do.
RUNS = ("first", "cached", "unchanged")


class Failed(Exception):
    """Ends the script with exit code 1."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def seconds(*arguments):
    start = time.perf_counter()
    docker(*arguments)
    return time.perf_counter() - start


class Image:
    def __init__(self, name):
        self.name = name
        self.unpacked = json.loads(docker("image", "inspect", name))[0]["Size"]
        said = subprocess.run(
            [sys.executable, ROOT / ".ci/image_size.py", name, "100000"], capture_output=True, text=True, check=True
        ).stdout
        self.compressed = float(re.search(r"has ([\d.]+) MB", said)[1]) * 1e6

    def start(self):
        """What Docker takes for any container: the same for each image."""
        return statistics.median(seconds("run", "--rm", self.name, "--version") for _ in range(5))

    def run(self, folder, python, variables):
        """A publish as a step does it: the workspace and the home are folders of the runner."""
        arguments = ["run", "--rm", "--network", "host", "--workdir", "/github/workspace", "--env", "HOME=/github/home"]
        for name in ("workspace", "home"):
            arguments += ["--volume", f"{folder / name}:/github/{name}"]
        for variable in variables:
            arguments += ["--env", variable]
        return seconds(*arguments, self.name, "publish", "--layer-name", "bench", "--python-version", python, "--fail-on", "never")

    def measure(self, layer, python, variables):
        folder = WORK / "run"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "home").mkdir(parents=True)
        (folder / "workspace").mkdir()
        shutil.copy(ROOT / f"benches/layers/{layer}.txt", folder / "workspace/requirements.txt")
        first = self.run(folder, python, variables)
        shutil.rmtree(folder / "workspace/.lambda-layers")
        cached = self.run(folder, python, variables)
        unchanged = self.run(folder, python, variables)
        shutil.rmtree(folder)
        return dict(zip(RUNS, (first, cached, unchanged)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--python", default="3.14", help="the layers' Python")
    parser.add_argument("--layer", action="append", choices=LAYERS, help="one of the layers alone")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for the containers")
    parser.add_argument("--pull", type=float, default=80, help="MB a second that a runner downloads")
    parser.add_argument("--unpack", type=float, default=120, help="MB a second that a runner unpacks")
    wanted = parser.parse_args()

    images = [Image(name) for name in wanted.images]
    starts = {image.name: image.start() for image in images}
    layers = wanted.layer or LAYERS
    times = {}
    for turn in range(wanted.runs):
        for layer in layers:
            for image in images:
                say(f"round {turn + 1}: {layer} in {image.name}")
                for run, took in image.measure(layer, wanted.python, wanted.env).items():
                    times.setdefault((layer, run, image.name), []).append(took)

    print(f"Python {wanted.python}, medians of {wanted.runs} rounds; MB are 10⁶ bytes.\n")
    print("| image | compressed | unpacked | a container starts in | pulled in (model) |\n|---|--:|--:|--:|--:|")
    pulls = {}
    for image in images:
        pulls[image.name] = image.compressed / 1e6 / wanted.pull + image.unpacked / 1e6 / wanted.unpack
        print(
            f"| `{image.name}` | {image.compressed / 1e6:.1f} MB | {image.unpacked / 1e6:.0f} MB "
            f"| {starts[image.name]:.2f} s | {pulls[image.name]:.1f} s |"
        )
    print("\n| layer | run |" + "".join(f" `{image.name}` | with its pull |" for image in images))
    print("|---|---|" + "--:|--:|" * len(images))
    for layer in layers:
        for run in RUNS:
            row = f"| {layer} | {run} |"
            for image in images:
                took = statistics.median(times[layer, run, image.name])
                row += f" {took:.1f} s | {took + pulls[image.name]:.1f} s |"
            print(row)
    print(
        f"\nThe model: a hosted runner downloads {wanted.pull:g} MB and unpacks {wanted.unpack:g} MB a second, and pulls the image in "
        "every job. `first` has no cache at all, `cached` has uv's (`cache-path`), `unchanged` finds its version published."
    )


try:
    main()
except Failed as failed:
    sys.exit(f"error: {failed}")
