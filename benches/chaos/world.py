"""An account in two regions on a stand-in of its own, a folder with a tiny layer, and runs of the program in them."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config

SERVER = Path(__file__).resolve().parent.parent.parent / "tests/aws/server.py"
REGIONS = ("eu-west-1", "us-east-1")
ACCOUNT, PARTNER, LAYER = "123456789012", "210987654321", "shared"
STATE = f"lambda-layers/state/{LAYER}.json"
# A run that takes longer never ends.
LONGEST = 150
# An AWS that takes its time. A publish is over `PUBLISH_SECONDS` after it was sent, and every list shows it by then.
SLOW = {
    "seconds": {
        "lambda:PublishLayerVersion": [0.5, 8],
        "lambda:UpdateFunctionConfiguration": [0.2, 2],
        "lambda:*": [0.02, 0.3],
        "*": [0.01, 0.15],
    },
    "late": {"lambda:ListLayerVersions": 5, "lambda:ListFunctions": 5},
    "throttle": True,
}
PUBLISH_SECONDS = 14


class World:
    def __init__(self, program, folder, seed, publish_seconds=PUBLISH_SECONDS):
        self.program, self.folder, self.seed = program, folder, seed
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        wheel(self.work)
        (self.work / "requirements.txt").write_text("./some-1.0-py3-none-any.whl\n")
        self.publish_seconds, self.runs = publish_seconds, 0
        self.log = open(folder / "aws.log", "wb")
        self.server = subprocess.Popen(
            [sys.executable, "-u", SERVER], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL
        )
        self.port = self.wait_for_port()
        self.clients = {}
        for region in REGIONS:
            place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self.client("s3", region).create_bucket(Bucket=f"layers-{region}", **place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.log.close()

    def wait_for_port(self):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.server.poll() is None:
            found = re.search(rb"Running on http://127.0.0.1:(\d+)", (self.folder / "aws.log").read_bytes())
            if found:
                return int(found[1])
            time.sleep(0.05)
        raise RuntimeError("the stand-in did not start")

    # The service

    def control(self, name, value=None):
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_aws/{name}", data, method="GET" if data is None else "PUT"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def behave(self, manner):
        self.control("manner", {"seed": self.seed, **manner})

    def settle(self):
        """Waits until nothing is under way, and from then on shows everything as it is."""
        end = time.monotonic() + 60
        while self.control("busy") and time.monotonic() < end:
            time.sleep(0.1)

    def client(self, service, region, aside=True):
        """A client of the campaign itself; `aside`: it sees everything as it is, at once."""
        key = (service, region, aside)
        if key not in self.clients:
            config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 10})
            session = boto3.Session("testing", "testing", region_name=region)
            client = session.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", config=config)
            if aside:
                client.meta.events.register("before-sign.*.*", lambda request, **_: request.headers.add_header("x-aside", "1"))
            self.clients[key] = client
        return self.clients[key]

    # The program

    def start(self, command, arguments, name=None):
        self.runs += 1
        log = open(self.folder / f"{self.runs:03}-{name or command}.log", "wb")
        outputs = self.folder / f"{self.runs:03}-{name or command}.outputs"
        outputs.touch()
        base = [
            self.program,
            command,
            "--registry",
            "aws",
            "--layer-name",
            LAYER,
            "--bucket",
            "layers-{region}",
            "--regions",
            ",".join(REGIONS),
        ]
        process = subprocess.Popen(
            [str(part) for part in (*base, *arguments)],
            cwd=self.work,
            env=self.environment(outputs),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        return Run(process, self.folder / log.name, outputs)

    def run(self, command, arguments, name=None):
        return self.start(command, arguments, name).wait()

    def publish(self, content, after=(), name=None):
        """Starts a publish of content that has this number."""
        path = self.work / f"data-{content}.txt"
        if not path.exists():
            path.write_text(f"content {content}\n")
        build = ["--python-version", "3.13", "--installer", "uv", "--slim", "none", "--bytecode", "none", "--smoke-test", "off"]
        return self.start(
            "publish", [*build, "--include", f"data-{content}.txt=python/data.txt", *after], name or f"publish-{content}"
        )

    def environment(self, outputs):
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.work),
            "UV_CACHE_DIR": str(self.folder.parent / "uv-cache"),
            "UV_OFFLINE": "1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGIONS[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBDA_LAYER_PUBLISH_SECONDS": str(self.publish_seconds),
            "GITHUB_OUTPUT": str(outputs),
        }

    # Functions and age

    def make_function(self, name, layers=()):
        role = {"RoleName": "runs", "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": []})}
        iam = self.client("iam", REGIONS[0])
        if not iam.list_roles()["Roles"]:
            iam.create_role(**role)
        for region in REGIONS:
            self.client("lambda", region).create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=f"arn:aws:iam::{ACCOUNT}:role/runs",
                Handler="app.handler",
                Architectures=["x86_64"],
                Code={"ZipFile": EMPTY_ZIP},
                Layers=list(layers),
            )

    def age(self, days=30):
        """As if everything had been there for long: the versions, the zips, and what the state says of them."""
        self.control("age", days * 86400)
        for region in REGIONS:
            state = self.state(region)
            for content in (state or {}).get("contents", {}).values():
                for version in content["versions"].values():
                    version["recorded"] = "2020-01-01T00:00:00Z"
            if state:
                self.client("s3", region).put_object(Bucket=f"layers-{region}", Key=STATE, Body=json.dumps(state).encode())

    def state(self, region=REGIONS[0]):
        s3 = self.client("s3", region)
        try:
            return json.loads(s3.get_object(Bucket=f"layers-{region}", Key=STATE)["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None


class Run:
    def __init__(self, process, log, outputs):
        self.process, self.log, self.path = process, log, outputs
        self.killed = False

    def kill(self, how=signal.SIGKILL):
        self.killed = self.process.poll() is None
        self.process.send_signal(how)

    def wait(self, seconds=LONGEST):
        """Waits for its end; a run that does not end is killed, and has no code."""
        try:
            self.code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.code = None
        return self

    def said(self):
        return self.log.read_text(errors="replace")

    def how(self):
        return f"did not end within {LONGEST} s" if self.code is None else f"ended with {self.code}"

    def error(self):
        """What it ended with, in a line."""
        lines = [line.strip() for line in self.said().splitlines()]
        return " ".join(line for line in lines if line.startswith(("error:", "cause:")))[:600] or "nothing"

    def arns(self):
        """The ARNs that it handed out, by region."""
        found = re.search(r"^layer-version-arns(?:=|<<.*\n)(.*)$", self.path.read_text(), re.M)
        return {place.split("/")[1]: arn for place, arn in json.loads(found[1] if found else "{}").items()}


EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


def wheel(folder):
    """A wheel with one module, as small as can be."""
    info = "some-1.0.dist-info"
    files = {
        "some.py": "version = '1.0'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: some\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: chaos\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for name, text in files.items()
    }
    record = "".join(f"{name},sha256={digest},{len(files[name])}\n" for name, digest in digests.items())
    with zipfile.ZipFile(folder / "some-1.0-py3-none-any.whl", "w") as archive:
        for name, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(name, text)
