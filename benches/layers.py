#!/usr/bin/env python3
"""Plans 10, 100 and 1,000 unchanged layers of one file, on moto and in a folder, and prints Markdown.

How to run it and what the figures mean: benches/README.md.
"""

import argparse
import concurrent.futures
import http.client
import re
import shutil
import statistics
import time
from pathlib import Path

import peers
from peers import TOOLS, WORK, Failed, Moto, mb, run, say, table

COUNTS = (10, 100, 1000)
PUBLISHED = 20
LAYER = "layer-00000"
REQUIREMENTS = "six==1.17.0\nidna==3.10\n"
BUCKET = "bench-layers"
CONNECTIONS = 32  # as many as the program has requests under way
# Moto believes whoever says who they are.
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0"}
LIMITS = {"moto": (5.0, 100e6), "folder": (1.0, 100e6)}  # seconds and bytes for 1,000 layers


def name(number):
    return f"layer-{number:05}"


def write_file(count, destination):
    """`lambda-layers.yml` and a folder with a `requirements.txt` for each layer."""
    lines = ["defaults:", f'  python-version: "{peers.PYTHON}"', "  smoke-test: off", "  bytecode: none"]
    lines += [f"  {key}: {value}" for key, value in destination.items()] + ["layers:"]
    for number in range(count):
        folder = WORK / "layers" / name(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.txt").write_text(REQUIREMENTS)
        lines += [f"  - layer-name: {name(number)}", f"    working-directory: layers/{name(number)}"]
    (WORK / "lambda-layers.yml").write_text("\n".join(lines) + "\n")


def ask(url, method, path, body=None):
    host = http.client.HTTPConnection(url.removeprefix("http://"))
    host.request(method, path, body=body, headers=SIGNED)
    answer = host.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise Failed(f"{method} {path}: {answer.status} {text[:300]}")
    return text


def plain_gets(url, paths):
    """Seconds in which a client that does nothing else gets these, over as many connections."""

    def some(part):
        host = http.client.HTTPConnection(url.removeprefix("http://"))
        for path in part:
            host.request("GET", path, headers=SIGNED)
            answer = host.getresponse()
            if answer.status != 200 or not answer.read():
                raise Failed(f"GET {path}: {answer.status}")

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(some, [paths[index::CONNECTIONS] for index in range(CONNECTIONS)]))
    return time.perf_counter() - started


def plans(binary, env, count, runs, command=("plan",)):
    """Seconds and bytes of each run; each says that nothing is to be done."""
    measured = []
    for _ in range(runs):
        used = run([binary, *command], env, sample=0.002)
        tally = re.search(rf"^{count} layers: (.*)$", peers.output(), re.M)
        if not tally or tally[1] != f"{count} unchanged":
            raise Failed(f"not unchanged:\n{peers.output()[-2000:]}")
        measured.append(used)
    return measured


def row(where, count, used, requests, more=""):
    walls = [use.wall for use in used]
    cpu = statistics.median(use.cpu for use in used)
    return [where, f"{count:,}", peers.spread(walls), f"{cpu:.2f}", mb(max(use.peak for use in used)), requests, more]


def on_moto(binary, env, counts, runs):
    rows, medians = [], {}
    with Moto(env) as moto:
        env = {**env, "AWS_ENDPOINT_URL": moto.url, "AWS_REGION": "eu-west-1"}
        region = "import boto3; boto3.client('s3', 'eu-west-1', endpoint_url=%r).create_bucket(Bucket=%r, "
        region += "CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})"
        run([TOOLS / "bin/python", "-c", region % (moto.url, BUCKET)], env)
        destination = {"registry": "aws", "bucket": BUCKET}
        write_file(1, destination)
        run([binary, "publish"], env)
        key = f"/{BUCKET}/lambda-layers/state/{LAYER}.json"
        state = ask(moto.url, "GET", key)
        for number in range(1, max(counts)):
            ask(moto.url, "PUT", key.replace(LAYER, name(number)), state.replace(LAYER.encode(), name(number).encode()))
        for count in counts:
            say(f"moto: {count} layers")
            write_file(count, destination)
            paths = [key.replace(LAYER, name(number)) for number in range(count)]
            plain = min(plain_gets(moto.url, paths) for _ in range(runs))
            before = len(moto.requests())
            used = plans(binary, env, count, runs)
            requests = (len(moto.requests()) - before) // runs
            medians[count] = statistics.median(use.wall for use in used), max(use.peak for use in used)
            ratio = f"{medians[count][0] / plain:.1f} times {plain:.2f} s"
            rows.append(row("moto", count, used, requests, ratio))
    return rows, medians


def in_folder(binary, env, counts, runs):
    rows, medians = [], {}
    destination = {"registry": str(WORK / "registry")}
    write_file(1, destination)
    run([binary, "publish"], env)
    registry = WORK / "registry"
    state = (registry / f"state/{LAYER}.json").read_text()
    for number in range(1, max(counts)):
        (registry / f"state/{name(number)}.json").write_text(state.replace(LAYER, name(number)))
        shutil.copytree(registry / LAYER, registry / name(number))
        version = registry / name(number) / "1/version.json"
        version.write_text(version.read_text().replace(LAYER, name(number)))
    for count in counts:
        say(f"folder: {count} layers")
        write_file(count, destination)
        used = plans(binary, env, count, runs)
        medians[count] = statistics.median(use.wall for use in used), max(use.peak for use in used)
        rows.append(row("folder", count, used, 0))
    count = counts[-1]
    for command in (["init", "-q"], ["add", "layers", "lambda-layers.yml"], ["commit", "-q", "-m", "x"]):
        run(["git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", *command], env)
    rows.append(row("folder, `--since HEAD`", count, plans(binary, env, count, runs, ["plan", "--since", "HEAD"]), 0))
    write_file(PUBLISHED, destination)
    used = plans(binary, env, PUBLISHED, runs, ["publish"])
    rows.append(row("folder, `publish`", PUBLISHED, used, 0))
    return rows, medians, statistics.median(use.wall for use in used)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=peers.PROGRAM)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=("moto", "folder"), action="append")
    arguments = parser.parse_args()
    binary, env = peers.begin(arguments.binary)
    rows, checks = [], []

    def check(what, value, limit, unit):
        checks.append([what, f"{value:.2f} {unit}", f"{limit:g} {unit}", "✓" if value <= limit else "✗"])

    for where, measure in (("folder", in_folder), ("moto", on_moto)):
        if arguments.only and where not in arguments.only:
            continue
        measured, medians, *published = measure(binary, env, COUNTS, arguments.runs)
        rows += measured
        (seconds, peak), (fewer, _) = medians[COUNTS[-1]], medians[COUNTS[-2]]
        check(f"{COUNTS[-1]:,} on {where}", seconds, LIMITS[where][0], "s")
        check(f"its peak memory, {where}", peak / 1e6, LIMITS[where][1] / 1e6, "MB")
        check(f"{COUNTS[-1]:,} against {COUNTS[-2]}, {where}", seconds / fewer, 12, "times")
        for seconds in published:
            check(f"`publish` of {PUBLISHED}", seconds, 0.3, "s")
    print(f"### `plan` of unchanged layers: seconds, median of {arguments.runs} (lowest–highest)\n")
    table(["where", "layers", "wall", "CPU", "peak memory", "requests", "against bare GETs"], rows)
    table(["target", "measured", "at most", ""], checks)
    shutil.rmtree(WORK)


if __name__ == "__main__":
    peers.start(main)
