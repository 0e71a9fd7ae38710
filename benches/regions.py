#!/usr/bin/env python3
"""Publishes to 1 and to 30 regions, on moto behind 100 ms of latency, and prints Markdown.

How to run it and what the figures mean: benches/README.md.
"""

import argparse
import asyncio
import re
import shutil
import statistics
import threading
from pathlib import Path

import peers
from peers import ROOT, TOOLS, WORK, Moto, run, say, table

LATENCY = 0.1  # seconds, for each request
REGIONS = 30
PACKAGES = "six==1.17.0\n"


class Slow:
    """Stands before a server and hands each request on a moment later."""

    def __init__(self, upstream):
        self.host, self.port = re.match(r"http://([\d.]+):(\d+)", upstream).groups()
        self.requests = 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.serve, args=(ready,), daemon=True).start()
        ready.wait()

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.pass_on, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        self.loop.run_forever()

    async def pass_on(self, reader, writer):
        """One connection of the client is one of the server's: what it sends after a pause is a request."""
        server_reader, server_writer = await asyncio.open_connection(self.host, self.port)

        async def requests():
            while data := await reader.read(1 << 20):
                if re.match(rb"(GET|PUT|POST|HEAD|DELETE) ", data):
                    self.requests += 1
                    await asyncio.sleep(LATENCY)
                server_writer.write(data)
                await server_writer.drain()

        async def answers():
            while data := await server_reader.read(1 << 20):
                writer.write(data)
                await writer.drain()

        try:
            await asyncio.wait([asyncio.ensure_future(requests()), asyncio.ensure_future(answers())], return_when=asyncio.FIRST_COMPLETED)
        except ConnectionError:
            pass
        finally:
            server_writer.close()
            writer.close()


def all_regions():
    """Of the partition `aws`, as the program knows them."""
    text = (ROOT / "data/lambda.yml").read_text()
    partition = re.search(r"^  aws:\n((?:    - \S+\n)+)", text, re.M)[1]
    return re.findall(r"- (\S+)", partition)


def make_buckets(regions, url, env):
    program = f"""
import boto3
for region in {regions!r}:
    place = {{}} if region == 'us-east-1' else {{'CreateBucketConfiguration': {{'LocationConstraint': region}}}}
    boto3.client('s3', region, endpoint_url={url!r}).create_bucket(Bucket='layers-' + region, **place)
"""
    run([TOOLS / "bin/python", "-c", program], env)


def seconds_of_publish(binary, layer, regions, env):
    """Of the steps Upload and Publish, and of the whole run."""
    (WORK / "requirements.txt").write_text(PACKAGES)
    options = ["--python-version", peers.PYTHON, "--registry", "aws", "--bucket", "layers-{region}", "--smoke-test", "off"]
    used = run([binary, "publish", *options, "--layer-name", layer, "--regions", ",".join(regions)], env)
    steps = re.findall(r"^ *([\d.]+) (ms|s)  (Upload|Publish)\b", peers.output(), re.M)
    return sum(float(number) / (1000 if unit == "ms" else 1) for number, unit, _ in steps), used.wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=peers.PROGRAM)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    binary, env = peers.begin(arguments.binary)
    regions = all_regions()[:REGIONS]
    rows = []
    medians = {}
    with Moto(env) as moto:
        make_buckets(regions, moto.url, env)
        slow = Slow(moto.url)
        env["AWS_ENDPOINT_URL"] = slow.url
        for count in (1, REGIONS):
            times, before = [], slow.requests
            for number in range(arguments.runs):
                say(f"regions: {count}, round {number + 1} of {arguments.runs}")
                times.append(seconds_of_publish(binary, f"regions-{count}-{number}", regions[:count], env))
            steps, walls = zip(*times)
            medians[count] = statistics.median(steps)
            requests = (slow.requests - before) // arguments.runs
            rows.append([count, peers.spread(steps), peers.spread(walls), requests])
    print(f"### Publishing, {LATENCY * 1e3:.0f} ms of latency: seconds, median of {arguments.runs} (lowest–highest)\n")
    table(["regions", "upload and publish", "the whole run", "requests"], rows)
    ratio = medians[REGIONS] / medians[1]
    print(f"{REGIONS} regions take {ratio:.2f} times as long as one: {'✓' if ratio <= 3 else '✗'} (at most 3)\n")
    shutil.rmtree(WORK)


if __name__ == "__main__":
    peers.start(main)
