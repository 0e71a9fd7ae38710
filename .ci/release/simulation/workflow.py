"""Runs a workflow on this machine: jobs, matrices, conditions, outputs, steps, and again, as a whole or only what failed.

Actions are stand-ins (actions.py), and so are `docker` and `gh`. Shell steps run as they stand in the file. `act`, which runs the
self-test, can neither run only failed jobs again nor fail after a step, and needs a minute for a run of so many jobs.
"""

import itertools
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from actions import ACTIONS
from expressions import as_text, condition, filled, filled_tree
from world import Fault, Refused, World

SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}


@dataclass
class Done:
    """What a job left."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Leg:
    """One job, with one combination of its matrix."""

    run: "Run"
    name: str
    job: dict[str, Any]
    contexts: dict[str, Any]
    workspace: Path
    environment: str = ""
    fault: str = ""

    def needs_permission(self, name: str, level: str) -> None:
        granted = (self.job.get("permissions") or {}).get(name, "none")
        if granted not in (level, "write"):
            raise Refused(f"the token of this job has `{name}: {granted}`, not `{level}`")


class Run:
    """A run of a workflow, which keeps its commit, its inputs and its artifacts when it is run again."""

    def __init__(self, world: World, sha: str, ref: str, inputs: dict[str, Any], environment: dict[str, str]) -> None:
        self.world, self.sha, self.ref, self.inputs, self.environment = world, sha, ref, inputs, environment
        show = ["git", "-C", world.remote, "show", f"{sha}:.github/workflows/release.yml"]
        self.workflow = yaml.safe_load(subprocess.run(show, capture_output=True, check=True).stdout)
        self.folder = Path(tempfile.mkdtemp(dir=world.folder))
        self.artifacts = self.folder / "artifacts"
        self.artifacts.mkdir()
        self.done: dict[str, Done] = {}
        self.legs: dict[str, Done] = {}
        self.log: list[str] = []
        self.steps: list[tuple[str, int, str]] = []
        self.fault = Fault()

    def attempt(self, fault: Fault | None = None, *, only_failed: bool = False) -> bool:
        """Whether all went well."""
        self.fault = self.world.fault = fault or Fault()
        self.steps = []
        self.world.calls.clear()
        if only_failed:
            # Also what was skipped because of it, and what came after: as on GitHub.
            keep = {name for name, done in self.done.items() if done.result == "success"}
            self.done = {name: done for name, done in self.done.items() if name in keep}
            self.legs = {leg: done for leg, done in self.legs.items() if done.result == "success"}
        else:
            self.done, self.legs = {}, {}
        pending = [name for name in self.workflow["jobs"] if name not in self.done]
        while pending:
            name = next(name for name in pending if all(need in self.done for need in self.needs(name)))
            pending.remove(name)
            self.done[name] = self.job(name)
        return all(done.result != "failure" for done in self.done.values())

    def needs(self, name: str) -> list[str]:
        needs = self.workflow["jobs"][name].get("needs", [])
        return [needs] if isinstance(needs, str) else needs

    def job(self, name: str) -> Done:
        job = self.workflow["jobs"][name]
        contexts = {
            "github": {
                "token": "token",
                "repository": "acme/lambda-layer-action",
                "ref_name": self.ref.rpartition("/")[2],
                "event_name": "workflow_dispatch",
            },
            "inputs": self.inputs,
            "needs": {
                need: {"result": self.done[need].result, "outputs": self.done[need].outputs} for need in self.needs(name)
            },
            "runner": {},
        }
        ancestors, stack = set(), [*self.needs(name)]
        while stack:
            ancestors.add(need := stack.pop())
            stack += self.needs(need)
        failed = any(self.done[need].result == "failure" for need in ancestors)
        skipped = any(self.done[need].result == "skipped" for need in self.needs(name))
        text = job.get("if")
        has_status = text is not None and any(
            word in str(text) for word in ("failure()", "cancelled()", "always()", "success()")
        )
        if not condition(text, contexts, failed=failed or (skipped and not has_status)):
            return Done("skipped")
        matrix = filled_tree(job.get("strategy", {}).get("matrix", {}), contexts)
        combinations = [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())]
        outputs: dict[str, str] = {}
        results = []
        for combination in combinations:
            leg = name + "".join(f" {value}" for value in combination.values())
            if leg not in self.legs:
                self.legs[leg] = self.leg(leg, job, {**contexts, "matrix": combination})
            results.append(self.legs[leg].result)
            outputs |= self.legs[leg].outputs
        return Done("failure" if "failure" in results else "success", outputs)

    def leg(self, name: str, job: dict[str, Any], contexts: dict[str, Any]) -> Done:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for part in ("workspace", "temp", "home"):
            (folder / part).mkdir()
        contexts = {**contexts, "runner": {"temp": str(folder / "temp")}, "steps": {}}
        leg = Leg(self, name, job, contexts, folder / "workspace")
        leg.environment = filled(job.get("environment", ""), contexts)
        steps = job.get("steps") or [{"uses": job["uses"], "with": job.get("with", {})}]
        failed = False
        for index, step in enumerate(steps):
            if not condition(step.get("if"), contexts, failed=failed):
                continue
            title = step.get("name") or step.get("uses", "").partition("@")[0]
            self.steps.append((name, index, title))
            self.log.append(f"== {name}: {title}")
            leg.fault = self.fault.kind if self.fault.step == (name, index) else ""
            try:
                outputs = self.shell(leg, step, folder) if "run" in step else self.action(leg, step)
                contexts["steps"][step.get("id", f"#{index}")] = {"outputs": outputs}
                if leg.fault:
                    raise Refused(f"(a fault that was asked for, {leg.fault} the step)")
            except Refused as error:
                self.log.append(f"error: {error}")
                failed = True
        shutil.rmtree(folder)
        if failed:
            return Done("failure")
        return Done("success", {key: as_text(filled(value, contexts)) for key, value in job.get("outputs", {}).items()})

    def action(self, leg: Leg, step: dict[str, Any]) -> dict[str, str]:
        ACTIONS[step["uses"].partition("@")[0]](leg, filled_tree(step.get("with", {}), leg.contexts))
        return {}

    def shell(self, leg: Leg, step: dict[str, Any], folder: Path) -> dict[str, str]:
        output = folder / "output"
        output.write_text("")
        given = {**self.workflow.get("env", {}), **leg.job.get("env", {}), **step.get("env", {})}
        environment = {
            **self.environment,
            "HOME": str(folder / "home"),
            "RUNNER_TEMP": leg.contexts["runner"]["temp"],
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_REPOSITORY": "acme/lambda-layer-action",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_ACTOR": "somebody",
            "GITHUB_SHA": self.sha,
            "GITHUB_REF": self.ref,
            "SIM_PERMISSIONS": json.dumps(leg.job.get("permissions") or {}),
            "SIM_ARCHITECTURE": leg.contexts["matrix"].get("architecture", ""),
            **{name: as_text(filled(str(as_text(value)), leg.contexts)) for name, value in given.items()},
        }
        if environment["SIM_ARCHITECTURE"]:
            runner = filled(leg.job["runs-on"], leg.contexts)
            environment["SIM_ARCHITECTURE"] = "arm64" if runner.endswith("-arm") else "x86_64"
        default = self.workflow.get("defaults", {}).get("run", {}).get("shell")
        shell = SHELLS[step.get("shell", default)]
        script = filled(step["run"], leg.contexts)
        ended = subprocess.run(
            [*shell, "-c", script],
            cwd=leg.workspace,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self.log.append(ended.stdout.rstrip())
        if ended.returncode:
            raise Refused(f"exit code {ended.returncode}")
        return dict(line.split("=", 1) for line in output.read_text().splitlines())
