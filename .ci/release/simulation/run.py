"""Runs release.yml against a registry, releases, PyPI and a Git repository on this machine, lets each of its steps and each
call that changes something fail, runs it again, and compares what everybody then sees with what should be there.

run.py [NAME...]     only scenarios whose names match one of these regular expressions
"""

import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from repository import Repository
from scenarios import SCENARIOS
from scene import Scene, must
from world import Fault

# Nothing of whoever runs this.
os.environ |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


@dataclass(frozen=True)
class Failing:
    """A fault in the first try, or in a second release, and then a second run: whole, or of what failed."""

    fault: Fault
    only_failed: bool

    def __call__(self, scene: Scene) -> str:
        first = scene.release("1.0.0") if self.fault.kind == "half" else None
        version = "1.1.0" if first else "1.0.0"
        commit = scene.repository.commit(version)
        run = scene.dispatch(commit)
        must(not run.attempt(self.fault), "the fault did not show")
        must(run.attempt(only_failed=self.only_failed), "the second run failed")
        entry = scene.entry(version, commit)
        entries = [first, entry] if first else [entry]
        scene.check(*entries, latest=version, majors={"v1": f"v{version}"})
        return "released"


def failures(steps: list[tuple[str, int, str]], calls: list[str]) -> dict[str, Failing]:
    """One after each step; and for each call that changes something, before it, after it, and half way if it has two halves.

    The second run is once the whole, once only what failed; in jobs before `release`, one of both.
    """
    found = {}
    points: dict[str, Fault] = {}
    known = set()
    for leg, index, title in steps:
        job = leg.partition(" ")[0]
        if (job, index) not in known:  # of a matrix, the first
            known.add((job, index))
            name = f"after {job}: {title}"
            points[f"{name}, the second" if name in points else name] = Fault(step=(leg, index), kind="after")
    for number, call in enumerate(calls, 1):
        for kind in ("before", "half", "after") if call == "gh release create" else ("before", "after"):
            points.setdefault(f"{kind} `{call}`", Fault(call=number, kind=kind))
    pypi = next((job, index) for job, index, title in steps if title.startswith("pypa/"))
    points["half of the wheels on PyPI"] = Fault(step=pypi, kind="half")
    for number, (title, fault) in enumerate(points.items()):
        early = fault.step and fault.step[0] not in ("release", "pypi")
        for only_failed in [number % 2 == 0] if early else [False, True]:
            found[f"{title}; {'failed jobs' if only_failed else 'all jobs'} again"] = Failing(fault, only_failed)
    return found


def play(name: str, scenario: Callable[[Scene], str], template: Path) -> tuple[str, str, str]:
    """Name, what came of it, and what is wrong with that, with the logs."""
    scene = Scene(template)
    try:
        return name, scenario(scene), ""
    except Exception:
        log = "\n".join(line for run in scene.runs for line in run.log)
        return name, "", f"{traceback.format_exc(limit=-2)}\n{log}"
    finally:
        scene.close()


def main() -> int:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder)
        Repository(template).fill()
        scene = Scene(template)
        run = scene.dispatch(scene.repository.commit("1.0.0"))
        if not run.attempt():
            print("\n".join(run.log))
            print("error: the first try failed")
            return 1
        steps, calls = run.steps, scene.world.calls
        scene.close()

        scenarios = {scenario.__name__.replace("_", " "): scenario for scenario in SCENARIOS}
        scenarios |= failures(steps, calls)
        if sys.argv[1:]:
            scenarios = {
                name: scenario for name, scenario in scenarios.items() if any(re.search(part, name) for part in sys.argv[1:])
            }
        with ProcessPoolExecutor() as pool:
            jobs = [pool.submit(play, name, scenario, template) for name, scenario in scenarios.items()]
            width = max(map(len, scenarios))
            results = []
            for job in jobs:
                results.append(job.result())
                name, outcome, _ = results[-1]
                print(f"{name:<{width}}  {outcome or 'WRONG'}", flush=True)
    for name, _, wrong in results:
        if wrong:
            print(f"\n==== {name}\n{wrong}")
    bad = sum(bool(wrong) for _, _, wrong in results)
    print(f"\n{len(results)} scenarios in {time.monotonic() - start:.0f} s")
    print(f"{len(results) - bad} passed, {bad} failed")
    return int(bool(bad) or not results)


if __name__ == "__main__":
    sys.exit(main())
