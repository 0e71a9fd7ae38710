"""What can happen to releases, each with what should come of it; failures of single steps are in run.py."""

import shutil
import subprocess
from collections.abc import Callable

from repository import git
from scene import Scene, must
from state import fingerprint, seen
from world import Fault

WORKFLOW = ".github/workflows/ci.yml"
FIRST = {"latest": "1.0.0", "majors": {"v1": "v1.0.0"}}


def first_try(scene: Scene) -> str:
    scene.check(scene.release("1.0.0"), **FIRST)
    return "released"


def run_again_after_success(scene: Scene) -> str:
    commit = scene.repository.commit("1.0.0")
    run = scene.dispatch(commit)
    must(run.attempt(), "failed")
    before = fingerprint(scene.world)
    must(run.attempt(), "the second run failed")
    must(fingerprint(scene.world) == before, "the second run changed something")
    must(not any(step[0].startswith(("images", "manifests", "binaries")) for step in run.steps), "it built something")
    return "nothing was built or changed"


def second_release(scene: Scene) -> str:
    first = scene.release("1.0.0")
    second = scene.release("1.1.0", **{WORKFLOW: "name: another\n", "python3.97/action.yml": another_python(scene)})
    scene.check(first, second, latest="1.1.0", majors={"v1": "v1.1.0"})
    return "v1 and latest moved; a new Python has its image"


def another_python(scene: Scene) -> str:
    text = (scene.repository.work / "lite/action.yml").read_text()
    return text.replace("lite.Dockerfile", "python3.97.Dockerfile")


def patch_of_an_older_minor(scene: Scene) -> str:
    first = scene.release("1.1.4")
    git(scene.repository.work, "branch", "old")
    second = scene.release("1.2.0", **{WORKFLOW: "name: another\n"})
    git(scene.repository.work, "checkout", "--quiet", "old")
    third = scene.release("1.1.10", "stable/1.1")
    scene.check(first, second, third, latest="1.2.0", majors={"v1": "v1.2.0"})
    return "v1 and latest stay with v1.2.0"


def patch_of_an_older_major(scene: Scene) -> str:
    first = scene.release("1.9.0")
    git(scene.repository.work, "branch", "old")
    second = scene.release("10.0.0")
    git(scene.repository.work, "checkout", "--quiet", "old")
    third = scene.release("1.10.0", "stable/1.10")
    scene.check(first, second, third, latest="10.0.0", majors={"v1": "v1.10.0", "v10": "v10.0.0"})
    return "v1 moved, latest stays with v10.0.0"


def pre_release(scene: Scene) -> str:
    zeroth = scene.release("1.0.0-rc.1")
    scene.check(zeroth, latest="", majors={})
    first, second = scene.release("1.0.0"), scene.release("1.1.0-rc.1")
    scene.check(zeroth, first, second, **FIRST)
    return "v1 and latest stay with v1.0.0"


def refused(scene: Scene, commit: str, message: str, branch: str = "main") -> str:
    before = fingerprint(scene.world)
    must(not scene.dispatch(commit, branch).attempt(), "it was not refused")
    scene.says(message)
    must(fingerprint(scene.world) == before, "it changed something")
    return "refused, nothing changed"


def ci_is_red(scene: Scene) -> str:
    commit = scene.repository.commit("1.0.0")
    for workflow in ("ci.yml", "selftest.yml"):
        for conclusion in ("failure", "cancelled", "in_progress", "missing"):
            scene.world.ci = {f"{workflow} {commit}": conclusion}
            refused(scene, commit, f"{workflow} is not green for {commit}: {conclusion}")
    return "refused, nothing changed"


def a_placeholder_is_left(scene: Scene) -> str:
    work = scene.repository.work
    shutil.rmtree(work)
    scene.repository.fill(with_placeholder=True)
    command = "bash .ci/release/place.sh acme/lambda-layer-action"
    refused(scene, scene.repository.commit("1.0.0"), command)
    subprocess.run(command.split(), cwd=work, check=True)
    scene.check(scene.release("1.0.0"), **FIRST)
    return "refused; released after the command of the hint"


def the_image_is_private(scene: Scene) -> str:
    commit = scene.repository.commit("1.0.0")
    scene.world.is_public = False
    run = scene.dispatch(commit)
    must(not run.attempt(), "nobody noticed")
    scene.says("Change visibility")
    must(not seen(scene.world)["tags"], "there is a tag")
    scene.world.is_public = True
    must(run.attempt(only_failed=True), "the second run failed")
    scene.check(scene.entry("1.0.0", commit), **FIRST)
    return "refused; released once it is public"


def dry_run(scene: Scene) -> str:
    commit = scene.repository.commit("1.0.0")
    before = fingerprint(scene.world)
    run = scene.dispatch(commit, dry_run=True)
    must(run.attempt(), "it failed")
    must(fingerprint(scene.world) == before, "it changed something")
    must(any(step[0].startswith("images lite") for step in run.steps), "it built no image")
    return "nothing changed"


def main_moves_on(scene: Scene) -> str:
    commit = scene.repository.commit("1.0.0")
    run = scene.dispatch(commit)
    must(not run.attempt(Fault(step=scene.step("release", "Draft with all files"), kind="after")), "no fault")
    scene.repository.commit("1.1.0", **{WORKFLOW: "name: another\n", ".github/workflows/new.yml": "name: new\n"})
    must(run.attempt(only_failed=True), "the second run failed")
    scene.check(scene.entry("1.0.0", commit), **FIRST)
    return "released, from the commit of the run"


def corrected_and_run_anew(scene: Scene) -> str:
    old = scene.dispatch(scene.repository.commit("1.0.0"))
    must(not old.attempt(Fault(step=scene.step("release", "Draft with all files"), kind="after")), "no fault")
    commit = scene.repository.commit("1.0.0", **{"Dockerfile": "FROM corrected\n"})
    must(scene.dispatch(commit).attempt(), "the new run failed")
    scene.check(scene.entry("1.0.0", commit), **FIRST)
    before = fingerprint(scene.world)
    must(not old.attempt(only_failed=True), "the old run was not refused")
    must(not old.attempt(), "the old run was not refused")
    must(fingerprint(scene.world) == before, "the old run changed something")
    return "released from the new commit; the old run is refused"


def released_already(scene: Scene) -> str:
    first = scene.release("1.0.0")
    refused(scene, scene.repository.commit("1.0.0", NEW="x"), "raise the version in Cargo.toml")
    scene.check(first, **FIRST)
    return "refused, nothing changed"


def another_branch(scene: Scene) -> str:
    refused(scene, scene.repository.commit("1.0.0", "topic"), "is not a branch for releases", "topic")
    refused(scene, scene.repository.commit("1.0.0", "stable/1.1"), "cannot release 1.0.0", "stable/1.1")
    return "refused, nothing changed"


def no_changelog(scene: Scene) -> str:
    for text, message in (
        ("## [Unreleased]\n\n- Much\n", "CHANGELOG.md has nothing about 1.0.0"),
        ("## [1.0.0] - 2026-12-01\n\n## [0.9.0] - 2026-11-01\n\n- Less\n", "CHANGELOG.md has nothing about 1.0.0"),
        ("## [1.0.0] - Unreleased\n\n- Much\n", "CHANGELOG.md has no date for 1.0.0"),
    ):
        refused(scene, scene.repository.commit("1.0.0", **{"CHANGELOG.md": text}), message)
    return "refused, nothing changed"


def one_of_two_tags_is_locked(scene: Scene) -> str:
    first = scene.release("1.0.0")
    for busy in ("refs/tags/v1", "refs/tags/v1.1.0"):
        scene.world.locked_refs.add(busy)
        commit = scene.repository.commit("1.1.0")
        run = scene.dispatch(commit)
        must(not run.attempt(), "nobody noticed")
        must(list(seen(scene.world)["tags"]) == ["v1.0.0"], "half of the push was done")
    must(run.attempt(only_failed=True), "the second run failed")
    scene.check(first, scene.entry("1.1.0", commit), latest="1.1.0", majors={"v1": "v1.1.0"})
    return "none moved; both after the re-run"


SCENARIOS: list[Callable[[Scene], str]] = [
    first_try,
    run_again_after_success,
    second_release,
    patch_of_an_older_minor,
    patch_of_an_older_major,
    pre_release,
    ci_is_red,
    a_placeholder_is_left,
    the_image_is_private,
    dry_run,
    main_moves_on,
    corrected_and_run_anew,
    released_already,
    another_branch,
    no_changelog,
    one_of_two_tags_is_locked,
]
