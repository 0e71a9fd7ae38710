"""The world outside of a run: an image registry, GitHub's releases and runs of CI, PyPI, attestations.

What is asked of it comes from actions (actions.py), and from programs that stand in for `docker`, `gh` and `git push` (tools.py).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Refused(Exception):
    """The real one would refuse this, too."""


@dataclass(frozen=True)
class Fault:
    """What is to go wrong: a step, or a call that changes something outside, `before`, `half` way through or `after` its work."""

    step: tuple[str, int] | None = None
    call: int = 0
    kind: str = ""


@dataclass
class Call:
    """A program that was called."""

    arguments: list[str]
    folder: Path
    home: Path
    docker_config: Path
    token: str
    permissions: dict[str, str]
    architecture: str
    stdin: str

    def option(self, name: str) -> str:
        return self.arguments[self.arguments.index(name) + 1] if name in self.arguments else ""

    def needs_permission(self, name: str, level: str) -> None:
        """`permissions:` of the job, which are those of its token."""
        if (granted := self.permissions.get(name, "none")) not in (level, "write"):
            raise Refused(f"the token of this job has `{name}: {granted}`, not `{level}`")


@dataclass
class World:
    folder: Path
    fault: Fault = field(default_factory=Fault)
    calls: list[str] = field(default_factory=list)
    is_public: bool = True
    manifests: dict[str, Any] = field(default_factory=dict)
    image_tags: dict[str, str] = field(default_factory=dict)
    releases: list[dict[str, Any]] = field(default_factory=list)
    pypi: dict[str, str] = field(default_factory=dict)
    attested: set[str] = field(default_factory=set)
    ci: dict[str, str] = field(default_factory=dict)
    locked_refs: set[str] = field(default_factory=set)

    @property
    def remote(self) -> Path:
        return self.folder / "remote.git"

    def begin(self, call: str) -> str:
        """Counts a call that changes something, and answers how it is to go wrong, if at all."""
        self.calls.append(call)
        kind = self.fault.kind if self.fault.call == len(self.calls) else ""
        if kind == "before":
            raise Refused("(a fault that was asked for, before the call)")
        return kind

    def end(self, kind: str) -> None:
        if kind:
            raise Refused(f"(a fault that was asked for, {kind} the call)")
