#!/usr/bin/env python3
"""Compares `lambda-layer build` with each tool's own way, on the same ten packages, and prints Markdown.

Per manifest kind: what a team would run by hand with that tool, then `zip -r`.
And `plan` on an unchanged `uv.lock` with 500 packages.

How to run it and what the figures mean: benches/README.md.
"""

import argparse
import functools
import hashlib
import http.server
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import peers
from peers import ROOT, WORK, Build, Failed, Zip, mb, run, say, spread, table

PROJECT = ROOT / "benches" / "manifests"
# The machine's own Python: `uv sync` and pip install for the Python that runs them.
PYTHON = "{}.{}".format(*sys.version_info[:2])
# In the very versions that the program runs them in.
LOCKERS = {name: ROOT / "data" / "exporters" / f"{name}.txt" for name in ("poetry", "pdm", "pipenv")}
LOCKER_FOLDER = ROOT / "target" / "bench-lockers"
PLAN_PACKAGES = 500
PLAN_REPEATS = 20
OURS, BY_HAND, SAME_FILES = "`lambda-layer build`", "by hand", "the same files"

UV, PIP = peers.TOOLS / "bin/uv", peers.TOOLS / "bin/pip"
PIP_INSTALL = [PIP, "install", "--quiet", "--no-compile", "--only-binary", ":all:", "-t", "{tree}/python", "-r"]
UV_INSTALL = [UV, "pip", "install", "--only-binary", ":all:", "--target", "{tree}/python", "-r"]
EXPORT = "{tree}/requirements.txt"


class Kind:
    """A manifest: its file, how the lock is made (once, untimed), and what a team runs by hand in its folder."""

    def __init__(self, file, lock, *by_hand):
        self.file, self.lock, self.by_hand = file, lock, by_hand

    @property
    def folder(self):
        return WORK / "projects" / self.file.replace(".", "-")  # uv looks for manifests in the folders above

    def told(self):
        """The commands as one reads them, without folders."""
        steps = [" ".join([Path(command[0]).name, *map(str, command[1:])]) for command in self.by_hand]
        text = " · ".join(steps).replace("{tree}/", "")
        return f"`{text}` · `zip -r`"


KINDS = [
    # Hashes in all of them, since those of a lock count in a build of ours.
    Kind("requirements.txt", [UV, "pip", "compile", "--quiet", "--generate-hashes", "pyproject.toml", "-o", "requirements.txt"], [*UV_INSTALL, "requirements.txt"]),
    Kind("uv.lock", [UV, "lock"], [UV, "sync", "--frozen", "--no-install-project", "--no-dev"]),
    Kind("poetry.lock", ["poetry", "lock"], ["poetry", "export", "--quiet", "-o", EXPORT], [*PIP_INSTALL, EXPORT]),
    Kind("pdm.lock", ["pdm", "lock"], ["pdm", "export", "--prod", "-o", EXPORT], [*PIP_INSTALL, EXPORT]),
    Kind("Pipfile.lock", ["pipenv", "lock"], ["sh", "-c", f"pipenv requirements --hash > {EXPORT}"], [*PIP_INSTALL, EXPORT]),
    Kind("pylock.toml", [UV, "pip", "compile", "--quiet", "--format", "pylock.toml", "pyproject.toml", "-o", "pylock.toml"], [*UV_INSTALL, "pylock.toml"]),
    Kind("pyproject.toml", None, [*UV_INSTALL, "pyproject.toml"]),
]


# Set-up


def install_lockers(env):
    """Poetry, Pipenv and PDM, each in an environment of its own, made once."""
    stamp = LOCKER_FOLDER / "pins"
    pins = "".join(file.read_text() for file in LOCKERS.values())
    if stamp.is_file() and stamp.read_text() == pins:
        return
    shutil.rmtree(LOCKER_FOLDER, ignore_errors=True)
    for name, file in LOCKERS.items():
        say(f"installing {name}")
        run([UV, "tool", "install", "--quiet", name, "--with-requirements", file], env)
    stamp.write_text(pins)


def locker_version(name):
    lines = re.findall(rf"^{name}==\S+", LOCKERS[name].read_text(), re.M)
    return max(lines, key=lambda line: [int(part) for part in re.findall(r"\d+", line)])  # the others are for old Pythons


def environment():
    env = peers.environment()
    # What is set for people at a terminal would only disturb here.
    env = {name: value for name, value in env.items() if not re.match(r"(POETRY|PDM|PIPENV)_|PYENV_VERSION$", name)}
    env.update(UV_TOOL_DIR=str(LOCKER_FOLDER / "tools"), UV_TOOL_BIN_DIR=str(LOCKER_FOLDER / "bin"))
    env.update(UV_PYTHON_DOWNLOADS="never", UV_PYTHON=PYTHON, PDM_CHECK_UPDATE="0", PIPENV_IGNORE_VIRTUALENVS="1")
    env.update(POETRY_VIRTUALENVS_PATH=str(WORK / "venvs"), WORKON_HOME=str(WORK / "venvs"), POETRY_NO_INTERACTION="1")
    env["PATH"] = f"{LOCKER_FOLDER / 'bin'}{os.pathsep}{env['PATH']}"
    return env


def make_projects(kinds, env):
    for kind in kinds:
        say(f"making {kind.file}")
        kind.folder.mkdir(parents=True)
        project = "Pipfile" if kind.file == "Pipfile.lock" else "pyproject.toml"
        shutil.copy(PROJECT / project, kind.folder)
        if kind.lock:
            run(kind.lock, env, cwd=kind.folder)
        if not (kind.folder / kind.file).is_file():
            raise Failed(f"{' '.join(map(str, kind.lock))} made no {kind.file}:\n{peers.output()[-3000:]}")


# Builds


def build_once(how, kind, binary, env):
    """Seconds, and what came out."""
    tree, archive = WORK / "tree", WORK / "out.zip"
    tree.mkdir()
    os.sync()  # what the last one wrote is not this one's load
    if how == OURS:
        options = ["--requirements", kind.file, "--python-version", PYTHON, "--architecture", "x86_64"]
        seconds = run([binary, "build", *options, "--layer-name", "bench", "--output", archive], env, kind.folder).wall
    else:
        # `uv sync` makes a whole environment; its lib/ is a layer in the layout `site-packages`.
        env = dict(env, UV_PROJECT_ENVIRONMENT=str(tree / "python"))
        commands = [[str(part).replace("{tree}", str(tree)) for part in command] for command in kind.by_hand]
        seconds = sum(run(command, env, kind.folder).wall for command in commands)
        packed = "python/lib" if kind.file == "uv.lock" else "python"
        seconds += run(["zip", "-q", "-r", archive, packed], env, tree).wall
    made = Zip(archive)
    shutil.rmtree(tree)
    archive.unlink()
    return seconds, made


def build_all(kinds, binary, runs, env):
    hows = [OURS, BY_HAND] if binary else [BY_HAND]
    builds = {(how, kind.file): Build() for how in hows for kind in kinds}
    for number in range(runs + 1):
        say("builds: warm-up" if number == 0 else f"builds: round {number} of {runs}")
        for kind in kinds:
            for how in hows if number % 2 else reversed(hows):
                seconds, made = build_once(how, kind, binary, env)
                build = builds[how, kind.file]
                if number > 0:
                    build.seconds.append(seconds)
                build.zip = made
    return builds


# `plan`


class Index(http.server.ThreadingHTTPServer):
    """A package index on loopback, with a folder for each name."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=str(folder))
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def make_wheel(folder, name, tag, needs):
    """A wheel with one small module; `needs` are the names it requires."""
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    metadata += "".join(f"Requires-Dist: {other}>=1\n" for other in needs)
    pure = str(tag == "py3-none-any").lower()
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"NAME = {name!r}\n")
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: {pure}\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def make_index(folder):
    """500 small packages: every fifth with 30 compiled wheels, as numpy and its like have, and up to five dependencies each."""
    pythons = ["cp310", "cp311", "cp312", "cp313", "cp314"]
    platforms = ["manylinux_2_17_x86_64", "manylinux_2_17_aarch64", "musllinux_1_2_x86_64", "macosx_11_0_arm64", "macosx_10_13_x86_64", "win_amd64"]
    names = [f"bench_{number:03}" for number in range(PLAN_PACKAGES)]
    for number, name in enumerate(names):
        page = folder / name.replace("_", "-")
        page.mkdir(parents=True)
        compiled = [f"{python}-{python}-{platform}" for python in pythons for platform in platforms]
        needs = {names[number // divisor] for divisor in (2, 3, 5, 7, 11)} - {name}
        for tag in compiled if number % 5 == 0 else ["py3-none-any"]:
            make_wheel(page, name, tag, sorted(needs))
        wheels = ((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()) for wheel in page.glob("*.whl"))
        (page / "index.html").write_text("".join(f'<a href="{wheel}#sha256={digest}">{wheel}</a>\n' for wheel, digest in wheels))
    return names


def measure_plan(binary, env):
    """What `plan` takes: with the very files of the publish, and with a comment added to the lock."""
    folder, index = WORK / "plan", WORK / "index"
    folder.mkdir()
    say(f"plan: making {PLAN_PACKAGES} packages and their lock")
    names = make_index(index)
    server = Index(index)
    try:
        needs = ", ".join(f'"{name}"' for name in names)
        project = f'[project]\nname = "plan"\nversion = "0"\nrequires-python = ">={PYTHON}"\ndependencies = [{needs}]\n'
        (folder / "pyproject.toml").write_text(f'{project}\n[[tool.uv.index]]\nurl = "{server.url}"\ndefault = true\n')
        run([UV, "lock"], env, folder)
        base = ["--requirements", "uv.lock", "--python-version", PYTHON, "--layer-name", "plan", "--registry", WORK / "registry"]
        run([binary, "publish", *base], env, folder)
        command = [binary, "plan", *base]
        lock = folder / "uv.lock"
        results = {SAME_FILES: time_plan(command, env, folder)}
        lock.write_text(f"# a comment\n{lock.read_text()}")
        results["a comment added to the lock"] = time_plan(command, env, folder)
        return lock.stat().st_size, results
    finally:
        server.shutdown()
        server.server_close()


def time_plan(command, env, folder):
    run(command, env, folder)
    if "unchanged" not in peers.output().lower():
        raise Failed(f"plan does not say unchanged:\n{peers.output()[-3000:]}")
    return [run(command, env, folder, sample=None) for _ in range(PLAN_REPEATS)]


# Markdown


def report_builds(kinds, builds, binary, runs):
    print(f"### Seconds, median of {runs} (lowest–highest), warm caches\n")
    rows = []
    for kind in kinds:
        hand = builds[BY_HAND, kind.file]
        row = [f"`{kind.file}`", kind.told(), spread(hand.seconds)]
        if binary:
            ours = builds[OURS, kind.file]
            ratio = statistics.median(hand.seconds) / statistics.median(ours.seconds)
            row += [spread(ours.seconds), f"{ratio:.2f}", len(ours.zip.wheels), mb(ours.zip.bytes), mb(hand.zip.bytes)]
        rows.append(row)
    head = ["manifest", "by hand", "by hand, s"]
    table(head + [OURS + ", s", "times as fast", "distributions", "zip, MB", "by hand, MB"] if binary else head, rows)
    for (how, file), build in builds.items():
        first = builds[BY_HAND, kinds[0].file].zip.wheels
        mine = build.zip.wheels
        other = sorted(name for name in mine.keys() | first.keys() if mine.get(name) != first.get(name))
        if other:
            print(f"Not the same wheels, {file} {how} against {kinds[0].file} by hand: {', '.join(other)}\n")


def report_plan(size, results):
    print(f"### `plan` on `uv.lock` with {PLAN_PACKAGES} packages ({mb(size)} MB), median of {PLAN_REPEATS} (lowest–highest)\n")
    rows = [[name, spread([used.wall for used in all_used], 1e3), spread([used.cpu for used in all_used], 1e3)] for name, all_used in results.items()]
    table(["since the publish", "wall, ms", "user + system CPU with children, ms"], rows)
    unchanged = 1e3 * statistics.median(used.wall for used in results[SAME_FILES])
    print(f"Target: under 100 ms with the same files: {unchanged:.1f} ms {'✓' if unchanged < 100 else '✗'}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=peers.PROGRAM, help="the program, default target/dist/lambda-layer")
    parser.add_argument("--runs", type=int, default=5, help="timed rounds of the builds, default 5")
    parser.add_argument("--only-peers", action="store_true", help="leave the program out")
    parser.add_argument("--only", action="append", metavar="FILE", help="only this manifest, e.g. uv.lock; may be repeated; `plan` for the 500 packages")
    arguments = parser.parse_args()
    kinds = [kind for kind in KINDS if not arguments.only or kind.file in arguments.only]
    binary = None if arguments.only_peers else arguments.binary.resolve()
    if binary and not binary.is_file():
        raise Failed("the program is not built: `cargo build --profile dist`, or give --binary, or --only-peers")

    peers.install_tools()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    env = environment()
    install_lockers(env)
    tools = [peers.version([UV, "--version"]).split(" (")[0], *map(locker_version, LOCKERS)]
    if binary:
        tools.insert(0, peers.version([binary, "--version"]).strip())
    print(f"{', '.join(tools)}; python{PYTHON} on x86_64; {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}.\n", flush=True)
    if kinds:
        make_projects(kinds, env)
        report_builds(kinds, build_all(kinds, binary, arguments.runs, env), binary, arguments.runs)
        sys.stdout.flush()  # an error below does not lose the table above
    if binary and (not arguments.only or "plan" in arguments.only):
        report_plan(*measure_plan(binary, env))
    shutil.rmtree(WORK)


if __name__ == "__main__":
    peers.start(main)
