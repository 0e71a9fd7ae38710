"""A world with a repository, and the runs in it."""

import os
import shutil
import tempfile
from pathlib import Path

from repository import Repository, git
from state import differences, seen, wanted
from tools import Tools
from workflow import Run
from world import World


class Scene:
    def __init__(self, template: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="release-"))
        shutil.copytree(template, self.folder, dirs_exist_ok=True, symlinks=True)
        self.repository = Repository(self.folder)
        git(self.repository.work, "remote", "set-url", "origin", str(self.repository.remote))
        self.world = World(self.folder)
        self.tools = Tools(self.world, self.folder / "tools")
        self.runs: list[Run] = []

    def close(self) -> None:
        self.tools.shutdown()
        self.tools.server_close()
        shutil.rmtree(self.folder)

    def dispatch(self, commit: str, branch: str = "main", *, dry_run: bool = False) -> Run:
        environment = {"PATH": f"{self.folder}/tools:{os.environ['PATH']}", "SIM_PORT": str(self.tools.server_address[1])}
        run = Run(self.world, commit, f"refs/heads/{branch}", {"dry-run": dry_run}, environment)
        self.runs.append(run)
        return run

    def step(self, job: str, title: str) -> tuple[str, int]:
        steps = self.runs[-1].workflow["jobs"][job]["steps"]
        return job, next(index for index, step in enumerate(steps) if step.get("name") == title)

    def release(self, version: str, branch: str = "main", **files: str) -> dict[str, str]:
        """One that goes well."""
        commit = self.repository.commit(version, branch, **files)
        must(self.dispatch(commit, branch).attempt(), f"the release of {version} failed")
        return self.entry(version, commit)

    def entry(self, version: str, commit: str) -> dict[str, str]:
        text = git(self.repository.remote, "show", f"{commit}:CHANGELOG.md")
        section = text.partition(f"## [{version}]")[2].partition("\n## [")[0]
        return {"version": version, "commit": commit, "notes": section.partition("\n")[2].strip()}

    def check(self, *releases: dict[str, str], latest: str, majors: dict[str, str]) -> None:
        found = differences(seen(self.world), wanted(self.repository, *releases, latest=latest, majors=majors))
        must(not found, "\n".join(found[:6]))

    def says(self, text: str) -> None:
        must(any(text in line for run in self.runs for line in run.log), f"nothing says `{text}`")


def must(is_so: bool, message: str) -> None:
    if not is_so:
        raise AssertionError(message)
