"""What everybody can see after a run, as data: tags, actions, images, releases, PyPI. And what should be there."""

import json
import re
from typing import Any

import yaml

from actions import TARGETS, wheel
from repository import Repository, git
from world import World

IMAGE = re.compile(r"docker://ghcr\.io/acme/lambda-layer-action@(sha256:[0-9a-f]{64})")


def seen(world: World) -> dict[str, Any]:
    remote = world.remote

    def image(digest: str) -> str:
        """What is behind a digest, in words."""
        images = [world.manifests[one] for one in world.manifests.get(digest, {}).get("images", [])]
        builds = sorted(f"{one['dockerfile']} for {one['architecture']}" for one in images)
        labels = {tuple(sorted(one["labels"].items())) for one in images}
        if len(labels) != 1:
            return f"{len(images)} images of {len(labels)} releases"
        label = {name.rpartition(".")[2]: value for name, value in labels.pop()}
        signed = "attested" if digest in world.attested else "not attested"
        return f"{', '.join(builds)}; {label['version']}, {label['revision']}, {signed}"

    def tag(name: str) -> dict[str, Any]:
        changed = git(remote, "diff", "--name-status", "--no-renames", f"{name}^", name).splitlines()
        actions = {}
        for path in git(remote, "ls-tree", "-r", "--name-only", name).splitlines():
            if path.endswith("action.yml"):
                uses = yaml.safe_load(git(remote, "show", f"{name}:{path}"))["runs"]["image"]
                match = IMAGE.fullmatch(uses)
                actions[path] = image(match[1]) if match else uses
        return {"on": git(remote, "rev-parse", f"{name}^"), "changed": changed, "actions": actions}

    names = git(remote, "tag", "--list").splitlines()
    commits = {name: git(remote, "rev-parse", name) for name in names}
    full = [name for name in names if "." in name]
    majors = {
        name: next((other for other in full if commits[other] == commits[name]), commits[name])
        for name in names
        if name not in full
    }
    releases = {}
    for release in world.releases:
        folder = world.folder / "releases" / release["id"]
        sums = (folder / "SHA256SUMS").read_text().splitlines() if "SHA256SUMS" in release["assets"] else []
        lists = {line.split()[1]: line.split()[0] for line in sums}
        is_whole = lists == {name: digest for name, digest in release["assets"].items() if name != "SHA256SUMS"}
        is_attested = all(f"sha256:{digest}" in world.attested for digest in release["assets"].values())
        wheels = {name: digest for name, digest in release["assets"].items() if name.endswith(".whl")}
        key = release["tagName"] + (" (draft)" if release["isDraft"] else "")
        if key in releases:
            key += " (another)"
        releases[key] = {
            "files": sorted(release["assets"]),
            "checksums and attestations": is_whole and is_attested,
            "on PyPI": all(world.pypi.get(name) == digest for name, digest in wheels.items()),
            "latest": release["isLatest"],
            "pre-release": release["isPrerelease"],
            "notes": release["notes"].strip(),
        }
    return {
        "tags": {name: tag(name) for name in full},
        "major tags": majors,
        "images": {
            name.rpartition(":")[2]: image(digest)
            for name, digest in world.image_tags.items()
            if not re.match(r"[0-9a-f]{40}-", name.rpartition(":")[2])
        },
        "releases": releases,
        "wheels": sorted(world.pypi),
    }


def wanted(repository: Repository, *releases: dict[str, str], latest: str, majors: dict[str, str]) -> dict[str, Any]:
    """What there should be after these releases: version, commit, and perhaps notes."""
    state: dict[str, Any] = {"tags": {}, "major tags": majors, "images": {}, "releases": {}, "wheels": []}
    for release in releases:
        version, commit = release["version"], release["commit"]
        tree = git(repository.remote, "ls-tree", "-r", "--name-only", commit).splitlines()
        actions = {}
        for path in (path for path in tree if path.endswith("action.yml")):
            source = yaml.safe_load(git(repository.remote, "show", f"{commit}:{path}"))["runs"]["image"].removeprefix("../")
            actions[path] = f"{source} for arm64, {source} for x86_64; {version}, {commit}, attested"
            if "/" in path:
                state["images"][f"{version}-{path.partition('/')[0]}"] = actions[path]
        gone = [f"D\t{path}" for path in tree if path.startswith(".github/workflows/")]
        changed = sorted(gone + [f"M\t{path}" for path in actions], key=lambda line: line.split("\t")[1])
        state["tags"][f"v{version}"] = {"on": commit, "changed": changed, "actions": actions}
        wheels = [wheel(version, target) for target in TARGETS]
        state["releases"][f"v{version}"] = {
            "files": sorted([*wheels, "SHA256SUMS", *(f"lambda-layer-{target}.tar.gz" for target in TARGETS)]),
            "checksums and attestations": True,
            "on PyPI": True,
            "latest": version == latest,
            "pre-release": "-" in version,
            "notes": release["notes"],
        }
        state["wheels"] = sorted(state["wheels"] + wheels)
    return state


def fingerprint(world: World) -> str:
    """Of everything outside of a run, to see that nothing changed."""
    everything = [world.manifests, world.image_tags, world.releases, world.pypi, sorted(world.attested)]
    return json.dumps(everything) + git(world.remote, "for-each-ref")


def differences(is_: Any, should: Any, where: str = "") -> list[str]:
    if isinstance(is_, dict) and isinstance(should, dict):
        keys = sorted({*is_, *should})
        return [line for key in keys for line in differences(is_.get(key), should.get(key), f"{where}/{key}")]
    return [] if is_ == should else [f"{where} is {is_!r}, not {should!r}"]
