"""`gh`: runs of CI, and releases as drafts or published ones with files."""

import hashlib
import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

from world import Call, Refused, World


def gh(world: World, call: Call) -> str:
    if not call.token:
        raise Refused("set GH_TOKEN")
    match call.arguments[:3]:
        case ["auth", "setup-git"]:
            (call.home / "git-login").touch()
        case ["run", "list", *_]:
            return runs(world, call)
        case ["release", "list", *_]:
            # Drafts are only seen by those who may change them.
            call.needs_permission("contents", "write")
            return json.dumps([{"tagName": one["tagName"], "isDraft": one["isDraft"]} for one in world.releases])
        case ["release", "create", tag]:
            create(world, call, tag)
        case ["release", "edit", tag]:
            edit(world, call, tag)
        case ["release", "delete", tag]:
            delete(world, call, tag)
        case ["release", "view", tag]:
            return view(world, call, tag)
        case ["release", "download", tag]:
            download(world, call, tag)
        case other:
            raise Refused(f"this stand-in does not know `gh {' '.join(other)}`")
    return ""


def named(world: World, tag: str) -> dict[str, Any]:
    """Published ones come first, as in `gh`."""
    found = sorted((one for one in world.releases if one["tagName"] == tag), key=lambda one: one["isDraft"])
    if not found:
        raise Refused("release not found")
    return found[0]


def create(world: World, call: Call, tag: str) -> None:
    call.needs_permission("contents", "write")
    kind = world.begin("gh release create")
    if any(one["tagName"] == tag and not one["isDraft"] for one in world.releases):
        raise Refused(f"a release with the same tag name already exists: {tag}")
    is_draft = "--draft" in call.arguments
    release = {
        "id": uuid.uuid4().hex,
        "tagName": tag,
        "isDraft": True,
        "isPrerelease": "--prerelease" in call.arguments,
        "isLatest": False,
        "notes": call.stdin,
        "assets": {},
    }
    if not is_draft:
        publish(world, release, "true")
    world.releases.append(release)
    files = call.arguments[call.arguments.index("-") + 1 :]
    folder = world.folder / "releases" / release["id"]
    folder.mkdir(parents=True)
    # `gh` makes the release first, then uploads one file after another.
    for path in map(Path, files[:1] if kind == "half" else files):
        (folder / path.name).write_bytes(path.read_bytes())
        release["assets"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    world.end(kind)


def publish(world: World, release: dict[str, Any], latest: str) -> None:
    """GitHub makes a tag that is not there, on the default branch."""
    tag = release["tagName"]
    show = ["git", "-C", world.remote, "rev-parse", "--quiet", "--verify", f"refs/tags/{tag}"]
    if subprocess.run(show, stdout=subprocess.DEVNULL, check=False).returncode:
        subprocess.run(["git", "-C", world.remote, "tag", tag, "main"], check=True)
    if latest == "true":
        for one in world.releases:
            one["isLatest"] = False
    release |= {"isDraft": False, "isLatest": latest == "true"}


def edit(world: World, call: Call, tag: str) -> None:
    call.needs_permission("contents", "write")
    kind = world.begin("gh release edit")
    given = dict(argument.split("=", 1) for argument in call.arguments if "=" in argument)
    release = named(world, tag)
    if not release["isDraft"]:
        raise Refused("a published release is immutable")
    if given.get("--draft") == "false":
        # Without `--latest`, the newest by date is the latest.
        publish(world, release, given.get("--latest", "true"))
    world.end(kind)


def delete(world: World, call: Call, tag: str) -> None:
    call.needs_permission("contents", "write")
    kind = world.begin("gh release delete")
    release = named(world, tag)
    if not release["isDraft"]:
        raise Refused("a published release is immutable")
    world.releases.remove(release)
    world.end(kind)


def view(world: World, call: Call, tag: str) -> str:
    release = named(world, tag)
    folder = world.folder / "releases" / release["id"]
    assets = {"assets": [{"name": name, "size": (folder / name).stat().st_size} for name in release["assets"]]}
    jq = ["jq", "--raw-output", call.option("--jq")]
    return subprocess.run(jq, input=json.dumps(assets), text=True, check=True, stdout=subprocess.PIPE).stdout.rstrip()


def download(world: World, call: Call, tag: str) -> None:
    release = named(world, tag)
    call.needs_permission("contents", "write" if release["isDraft"] else "read")
    folder = call.folder / call.option("--dir")
    folder.mkdir(parents=True)
    for path in (world.folder / "releases" / release["id"]).glob(call.option("--pattern")):
        (folder / path.name).write_bytes(path.read_bytes())


def runs(world: World, call: Call) -> str:
    call.needs_permission("actions", "read")
    conclusion = world.ci.get(f"{call.option('--workflow')} {call.option('--commit')}", "success")
    run = {"status": "completed", "conclusion": conclusion, "url": "https://github.com/runs/1"}
    if conclusion == "in_progress":
        run |= {"status": "in_progress", "conclusion": ""}
    return json.dumps([] if conclusion == "missing" else [run])
