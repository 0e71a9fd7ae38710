"""The repository that is released in the simulation: what a release reads of this one, with the placeholder replaced."""

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PLACE = "acme/lambda-layer-action"
# What a release reads, and some files that have the placeholder.
PARTS = re.compile(
    r"action\.yml|lite/action\.yml|(lite\.)?Dockerfile|Cargo\.toml|CHANGELOG\.md|README\.md|lambda-layers\.schema\.json"
    r"|\.ci/release/[^/]+\.sh|\.github/.*|examples/workflows/layers\.yml"
)


def git(folder: Path, *arguments: str) -> str:
    run = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


class Repository:
    """A bare repository in a folder, and a clone that a person works in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work, self.remote = folder / "work", folder / "remote.git"

    def fill(self, *, with_placeholder: bool = False) -> None:
        """With the image of one Python and the small one: more would take time and show nothing more."""
        self.work.mkdir()
        python = re.search(r"^ARG PYTHON_VERSION=(.*)", (ROOT / "Dockerfile").read_text(), re.M)[1]
        for file in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
            if (PARTS.fullmatch(file) or file.startswith(f"python{python}/")) and (ROOT / file).is_file():
                (self.work / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, self.work / file)
        git(self.work, "init", "--quiet", "--initial-branch", "main", "--template=")
        git(self.work, "add", "--all")
        if not with_placeholder:
            subprocess.run(["bash", ".ci/release/place.sh", PLACE], cwd=self.work, check=True)
        git(self.folder, "init", "--quiet", "--bare", "--template=", "remote.git")
        git(self.remote, "config", "receive.unpackLimit", "1")
        git(self.work, "remote", "add", "origin", str(self.remote))

    def commit(self, version: str, branch: str = "main", **files: str) -> str:
        """What a person does for a release: the version, the changelog, and other changes; then a push. Answers the commit."""
        cargo, changelog = self.work / "Cargo.toml", self.work / "CHANGELOG.md"
        cargo.write_text(re.sub(r'^version = ".*"', f'version = "{version}"', cargo.read_text(), count=1, flags=re.M))
        if not (self.work / ".git/refs/heads/main").exists():
            changelog.write_text("# Changelog\n\n## [0.9.0] - 2026-11-01\n\n- Less\n")
        if f"## [{version}]" not in (before := changelog.read_text()):
            entry = f"## [{version}] - 2026-12-01\n\n- What is new in {version}\n\n## ["
            changelog.write_text(before.replace("## [", entry, 1))
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--allow-empty", "--message", f"Version {version}")
        git(self.work, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.work, "rev-parse", "HEAD")
