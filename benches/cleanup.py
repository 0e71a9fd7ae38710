#!/usr/bin/env python3
"""Plans a clean-up of a layer with very many versions, in an account with very many functions, and prints Markdown.

The server is this script: it knows Lambda's lists, Systems Manager's, and a bucket with the zips and the state, all in
the pages that AWS has, with nothing else to do. So the figures are those of the program and of its own limit of requests.

How to run it and what the figures mean: benches/README.md.
"""

import argparse
import base64
import hashlib
import http.server
import json
import math
import os
import shutil
import threading
import urllib.parse
from collections import Counter
from pathlib import Path

import peers
from peers import WORK, Failed, mb, output, run, say, table

LAYER, BUCKET, REGION, ACCOUNT = "shared", "bench-layers", "eu-west-1", "123456789012"
DATE = "2026-01-01T00:00:00.000+0000"
PARAMETERS = 100
DISTRIBUTIONS = 10
# What AWS gives at most in a page.
PAGES = {"versions": 50, "functions": 50, "parameters": 10, "zips": 1000}
LIMITS = {"memory, MB": 150, "own CPU, s": 10}


class Account:
    """Everything in one region: versions 1 to n, of which functions use every hundredth."""

    def __init__(self, versions, functions):
        self.asked = Counter()
        digests = [hashlib.sha256(f"content {number}".encode()) for number in range(1, versions + 1)]
        self.versions = [self.version(number, digest) for number, digest in enumerate(digests, 1)][::-1]
        self.functions = [self.function(index // 3, index % 3, versions) for index in range(3 * functions)]
        self.zips = [(f"lambda-layers/{LAYER}/{digest.hexdigest()}.zip", 1_000_000) for digest in digests]
        self.parameters = [
            {"Name": f"/layers/{LAYER}/{index}", "Type": "String", "Value": arn(1 + index % versions)}
            for index in range(PARAMETERS)
        ]
        self.state = json.dumps(state(digests)).encode()

    @staticmethod
    def version(number, digest):
        inputs = hashlib.sha256(f"inputs {number}".encode()).hexdigest()
        content = base64.b64encode(digest.digest()).decode()
        return {
            "LayerVersionArn": arn(number),
            "Version": number,
            "Description": f"Shared dependencies | v1.{number} | fingerprint={inputs} sha256={content}",
            "CreatedDate": DATE,
            "CompatibleRuntimes": ["python3.12", "python3.13"],
            "CompatibleArchitectures": ["x86_64", "arm64"],
            "LicenseInfo": "Apache-2.0",
        }

    @staticmethod
    def function(index, version, versions):
        name = f"a-service-with-a-name-of-usual-length-{index}"
        used = arn(1 + (100 * (3 * index + version)) % versions)
        return {
            "FunctionName": name,
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:{version}",
            "Version": str(version) if version else "$LATEST",
            "Runtime": "python3.13",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "Handler": "app.handler",
            "CodeSize": 1_234_567,
            "Description": "A function as there are many",
            "Timeout": 30,
            "MemorySize": 512,
            "LastModified": DATE,
            "CodeSha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "Environment": {"Variables": {f"VARIABLE_{number}": "a value of usual length" for number in range(12)}},
            "Layers": [
                {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:other:{index + 1}", "CodeSize": 1_000_000},
                {"Arn": used, "CodeSize": 1_000_000},
            ],
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
        }

    def least_requests(self):
        """Each page once; the state, the code storage."""
        lists = {"versions": self.versions, "functions": self.functions, "parameters": self.parameters, "zips": self.zips}
        pages = {name: math.ceil(len(items) / PAGES[name]) for name, items in lists.items()}
        return {**pages, "state": 1, "account": 1}


def arn(number):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{LAYER}:{number}"


def state(digests):
    """As the program would have written it."""
    contents, builds = {}, {}
    for number, digest in enumerate(digests, 1):
        content = base64.b64encode(digest.digest()).decode()
        inputs = hashlib.sha256(f"inputs {number}".encode()).hexdigest()
        version = {"arn": arn(number), "version": number, "recorded": "2026-01-01T00:00:00Z"}
        contents[content] = {
            "zipped-size": 1_000_000,
            "unzipped-size": 3_000_000,
            "distributions": [
                {"name": f"distribution-{index}", "version": "1.2.3", "size": 300_000} for index in range(DISTRIBUTIONS)
            ],
            "python": "3.13",
            "architecture": "x86_64",
            "versions": {f"{ACCOUNT}/{REGION}": version},
        }
        builds[inputs] = {"content": content, "inputs": hashlib.sha256(inputs.encode()).hexdigest()}
    labels = {"production": [list(contents)[len(contents) // 2]]}
    return {"format": 1, "layer": LAYER, "current": inputs, "builds": builds, "contents": contents, "labels": labels}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    account = None

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        if url.path.endswith(f"/layers/{LAYER}/versions"):
            self.json(self.page("versions", self.account.versions, "LayerVersions", "NextMarker", query.get("Marker")))
        elif "/functions" in url.path and query.get("FunctionVersion") == "ALL":
            self.json(self.page("functions", self.account.functions, "Functions", "NextMarker", query.get("Marker")))
        elif "account-settings" in url.path:
            self.account.asked["account"] += 1
            self.json({"AccountLimit": {}, "AccountUsage": {"TotalCodeSize": 50_000_000_000, "FunctionCount": 5000}})
        elif query.get("list-type") == "2":
            self.send(200, "application/xml", self.zips(query.get("continuation-token")))
        elif url.path.endswith(f"/state/{LAYER}.json"):
            self.account.asked["state"] += 1
            self.send(200, "application/json", self.account.state)
        else:
            self.send(404, "text/plain", b"")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.headers.get("x-amz-target", "").endswith("GetParametersByPath"):
            return self.send(400, "text/plain", b"")
        parameters = self.account.parameters
        return self.json(self.page("parameters", parameters, "Parameters", "NextToken", body.get("NextToken")))

    def page(self, name, items, key, token, start):
        self.account.asked[name] += 1
        start = int(start or 0)
        end = start + PAGES[name]
        return {key: items[start:end], **({token: str(end)} if end < len(items) else {})}

    def zips(self, start):
        page = self.page("zips", self.account.zips, "Contents", "Next", start)
        rows = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>{size}</Size></Contents>"
            for key, size in page["Contents"]
        )
        following = page.get("Next")
        token = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
        truncated = "true" if following else "false"
        return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{token}{rows}</ListBucketResult>".encode()

    def json(self, value):
        self.send(200, "application/json", json.dumps(value).encode())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"1"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def plan(binary, versions, functions):
    say(f"{versions} versions, {functions} functions with 3 versions each")
    account = Handler.account = Account(versions, functions)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(WORK),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [binary, "cleanup", "--registry", "aws", "--layer-name", LAYER, "--bucket", BUCKET, "--keep-versions", "5"]
    command += ["--keep-labels", "production", "--ssm-parameter", "/layers/{layer}/{python}/{arch}/latest"]
    try:
        used = run(command, env)
    finally:
        server.shutdown()
    asked, least = dict(account.asked), account.least_requests()
    if asked != least:
        raise Failed(f"asked {asked}, but {least} is enough")
    verdict = output().strip().splitlines()[-1]
    say(verdict)
    return used, sum(asked.values()), verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=peers.PROGRAM)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--functions", type=int, default=5_000)
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        used, requests, verdict = plan(arguments.binary.resolve(), arguments.versions, arguments.functions)
    finally:
        shutil.rmtree(WORK)
    print(f"## Planning a clean-up: {arguments.versions:,} versions, {arguments.functions:,} functions\n")
    table(
        ["requests", "seconds", "own CPU, s", "peak, MB (VmHWM)"],
        [[f"{requests} (each page once)", f"{used.wall:.1f}", f"{used.cpu:.2f}", mb(used.peak)]],
    )
    figures = {"memory, MB": used.peak / 1e6, "own CPU, s": used.cpu}
    rows = [[name, f"under {LIMITS[name]}", f"{figures[name]:.2f}", "✓" if figures[name] < LIMITS[name] else "✗"] for name in LIMITS]
    table(["target", "limit", "measured", ""], rows)
    print(verdict)


if __name__ == "__main__":
    peers.start(main)
