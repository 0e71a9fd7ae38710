"""Stand-ins for the actions that the release workflow uses, and for the workflow that it calls."""

import fnmatch
import hashlib
import re
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from expressions import filled_tree
from world import Refused

if TYPE_CHECKING:
    from workflow import Leg

WORKFLOWS = Path(__file__).resolve().parents[3] / ".github/workflows"
BUILD = yaml.safe_load((WORKFLOWS / "binaries.yml").read_text())["jobs"]["build"]
TARGETS = [entry["target"] for entry in BUILD["strategy"]["matrix"]["include"]]


def glob(pattern: str, name: str) -> bool:
    """With braces, as in minimatch."""
    if braces := re.search(r"\{([^}]*)\}", pattern):
        return any(glob(pattern.replace(braces[0], part), name) for part in braces[1].split(","))
    return fnmatch.fnmatchcase(name, pattern)


def checkout(leg: "Leg", given: dict[str, Any]) -> None:
    leg.needs_permission("contents", "read")
    if given.get("persist-credentials") is not False:
        raise Refused("the credentials would stay in the checkout")
    depth = [] if given.get("fetch-depth") == 0 else ["--depth", "1"]
    # Most jobs of a run want the same, so it is only fetched once.
    pristine = leg.run.folder / f"checkout{len(depth)}"
    if not pristine.exists():
        for arguments in (
            ["init", "--quiet", "--template="],
            ["config", "fetch.unpackLimit", "1"],
            ["remote", "add", "origin", f"file://{leg.run.world.remote}"],
            ["fetch", "--quiet", *depth, "origin", leg.run.sha],
            ["checkout", "--quiet", "--detach", leg.run.sha],
        ):
            pristine.mkdir(exist_ok=True)
            subprocess.run(["git", "-C", pristine, *arguments], check=True)
    shutil.copytree(pristine, leg.workspace, dirs_exist_ok=True)


def upload(leg: "Leg", given: dict[str, Any]) -> None:
    target = leg.run.artifacts / given["name"]
    if target.exists():
        if given.get("overwrite") is not True:
            raise Refused(f"an artifact named {target.name} already exists")
        shutil.rmtree(target)
    shutil.copytree(leg.workspace / given["path"], target)


def download(leg: "Leg", given: dict[str, Any]) -> None:
    found = [folder for folder in leg.run.artifacts.iterdir() if glob(given["pattern"], folder.name)]
    if not found:
        raise Refused(f"no artifact is named {given['pattern']}")
    for folder in found:
        shutil.copytree(folder, leg.workspace / given["path"], dirs_exist_ok=given.get("merge-multiple") is True)


def attest(leg: "Leg", given: dict[str, Any]) -> None:
    leg.needs_permission("id-token", "write")
    leg.needs_permission("attestations", "write")
    if digest := given.get("subject-digest"):
        leg.needs_permission("packages", "write")
        digests = [digest]
    else:
        paths = Path(given["subject-path"]).parent.glob(Path(given["subject-path"]).name)
        digests = ["sha256:" + hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    leg.run.world.attested.update(digests)


def pypi(leg: "Leg", given: dict[str, Any]) -> None:
    leg.needs_permission("id-token", "write")
    if leg.environment != "pypi":
        raise Refused("the trusted publisher is the environment `pypi`")
    files = leg.run.world.pypi
    for path in sorted((leg.workspace / "dist").iterdir()):
        if path.name in files and given.get("skip-existing") is not True:
            raise Refused(f"{path.name} already exists")
        files.setdefault(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
        if leg.fault == "half":
            raise Refused("(a fault that was asked for, half way)")


def binaries(leg: "Leg", given: dict[str, Any]) -> None:
    """`binaries.yml`: its uploads, of other bytes with each build."""
    for target in TARGETS:
        for step in (step for step in BUILD["steps"] if step.get("uses", "").startswith("actions/upload-artifact@")):
            upload_given = filled_tree(step["with"], {"matrix": {"target": target}})
            folder = leg.workspace / upload_given["path"]
            folder.mkdir(parents=True, exist_ok=True)
            content = uuid.uuid4().bytes
            if upload_given["name"].startswith("wheel-"):
                (folder / wheel(given["version"], target)).write_bytes(content)
            else:
                archive = f"lambda-layer-{target}.tar.gz"
                (folder / archive).write_bytes(content)
                (folder / f"{archive}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {archive}\n")
            upload(leg, upload_given)
            shutil.rmtree(folder)


def wheel(version: str, target: str) -> str:
    return f"lambda_layer_action-{version}-py3-none-{target}.whl"


ACTIONS = {
    "actions/checkout": checkout,
    "actions/upload-artifact": upload,
    "actions/download-artifact": download,
    "actions/attest-build-provenance": attest,
    "pypa/gh-action-pypi-publish": pypi,
    "./.github/workflows/binaries.yml": binaries,
}
