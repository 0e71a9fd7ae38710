"""Programs for PATH that hand what they are asked over to this process, which answers as `docker`, `gh` and `git push` would.

They are shell scripts that speak to it over the loopback: a program of their own for each call would take most of the time.
"""

import json
import shutil
import socketserver
import subprocess
import threading
from pathlib import Path

from docker import docker
from gh import gh
from world import Call, Refused, World

# Fields with a NUL behind each; the first says how many follow. The answer is an exit code, and what to print.
CLIENT = """\
#!/usr/bin/env bash
IFS= read -r -d '' input || true
exec 3<>"/dev/tcp/127.0.0.1/$SIM_PORT"
printf '%s\\0' "$((8 + $#))" PROGRAM "$PWD" "$HOME" "${DOCKER_CONFIG:-$HOME/.docker}" "${GH_TOKEN:-}" "$SIM_PERMISSIONS" \\
    "${SIM_ARCHITECTURE:-}" "$input" "$@" >&3
read -r code <&3
if ((code)); then cat <&3 >&2; else cat <&3; fi
exit "$code"
"""

GIT = """\
#!/usr/bin/env bash
[[ ${1:-} == push ]] || exec GIT "$@"
git-push begin </dev/null || exit 1
GIT "$@" || exit 1
exec git-push end </dev/null
"""

# Not for pushes of a person.
HOOK = """\
#!/bin/sh
[ -z "$SIM_PORT" ] || exec hook "$@" </dev/null
"""


class Tools(socketserver.ThreadingTCPServer):
    """Answers for one world at a time."""

    daemon_threads = True

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.world = world
        self.kind = ""
        folder.mkdir()
        for name in ("docker", "gh", "git-push", "hook"):
            (folder / name).write_text(CLIENT.replace("PROGRAM", name))
        (folder / "git").write_text(GIT.replace("GIT", shutil.which("git")))
        for tool in folder.iterdir():
            tool.chmod(0o755)
        hook = world.remote / "hooks/update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK)
        hook.chmod(0o755)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, program: str, call: Call) -> str:
        match program, call.arguments:
            case "docker", _:
                return docker(self.world, call)
            case "gh", _:
                return gh(self.world, call)
            case "git-push", ["begin"]:
                if not (call.home / "git-login").exists():
                    raise Refused("nobody has logged in to git")
                self.kind = self.world.begin("git push")
            case "git-push", ["end"]:
                self.world.end(self.kind)
            case "hook", [ref, old, new]:
                update(self.world, call, ref, old, new)
        return ""


class Handler(socketserver.StreamRequestHandler):
    server: Tools

    def field(self) -> str:
        value = b""
        while (byte := self.rfile.read(1)) not in (b"\0", b""):
            value += byte
        return value.decode()

    def handle(self) -> None:
        count = int(self.field())
        program, folder, home, docker_config, token, permissions, architecture, stdin, *arguments = [
            self.field() for _ in range(count)
        ]
        call = Call(
            arguments, Path(folder), Path(home), Path(docker_config), token, json.loads(permissions), architecture, stdin
        )
        try:
            text, code = self.server.answer(program, call), 0
        except Refused as refused:
            text, code = f"refused: {refused}", 1
        self.wfile.write(f"{code}\n{text}\n".encode() if text else f"{code}\n".encode())


def update(world: World, call: Call, ref: str, old: str, new: str) -> None:
    """The hook `update`, for each ref of a push: what GitHub refuses from GITHUB_TOKEN, and immutable releases."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", world.remote, *arguments], capture_output=True, text=True, check=False).stdout

    call.needs_permission("contents", "write")
    # One ref of a push may be refused for a reason of its own: a rule for tags, or someone else who was quicker.
    if ref in world.locked_refs:
        world.locked_refs.remove(ref)
        raise Refused(f"{ref} is locked")
    tag = ref.removeprefix("refs/tags/")
    if set(old) != {"0"} and any(one["tagName"] == tag and not one["isDraft"] for one in world.releases):
        raise Refused(f"{tag} belongs to an immutable release")

    def workflows(commit: str) -> str:
        return git("ls-tree", "-r", commit, ".github/workflows/")

    branches = git("for-each-ref", "--format=%(objectname)", "refs/heads/").split()
    if workflows(new) and all(workflows(branch) != workflows(new) for branch in branches):
        raise Refused("a GitHub App may not create or update a workflow without `workflows` permission")
