#!/usr/bin/env python3
"""Builds a layer of each of 250 popular packages for two targets, and prints in Markdown what was refused.

What is refused rightly stands in `sweep/true-errors.toml`. Exit code 1: something else was refused.

How to run it and what the table means: benches/README.md.
"""

import argparse
import collections
import concurrent.futures
import ctypes.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from pathlib import Path

import peers
from peers import ROOT, Failed, say, table

LISTS = ROOT / "benches" / "sweep"
WORK = ROOT / "target" / f"bench-sweep-{os.getpid()}"  # several may run side by side
TARGETS = ("python3.13/x86_64", "python3.12/arm64")
# What the JSON calls errors that are no finding.
REFUSAL, TROUBLE, TIMEOUT, CRASH = "refusal", "trouble", "timeout", "crash"


class Row:
    """A line of `packages.txt`: what makes one layer."""

    def __init__(self, line):
        self.requirements = line.split()
        self.name = re.match(r"[\w.-]+", line)[0]
        self.pinned = all("==" in requirement for requirement in self.requirements)


class TrueError:
    """What a layer is refused for rightly: codes of findings, or words of another error."""

    def __init__(self, row):
        needed, possible = {"package", "says", "why"}, {"targets", "findings", "hidden-by"}
        if not needed <= row.keys() <= needed | possible:
            raise Failed(f"true-errors.toml: needed are {sorted(needed)}, possible {sorted(possible)}: {row}")
        self.package, self.says, self.why = row["package"], row["says"], row["why"]
        self.codes = row.get("findings", [REFUSAL])
        self.targets = row.get("targets")
        self.hidden_by = row.get("hidden-by")
        self.seen = False

    def is_for(self, package, target):
        return self.package == package and (self.targets is None or target in self.targets)

    def means(self, build, error):
        return self.is_for(build["package"], build["target"]) and error["code"] in self.codes and self.says in error["text"]

    def is_hidden(self):
        """Whether this machine has the library that Lambda lacks, so that imports work here."""
        return self.hidden_by is not None and ctypes.util.find_library(self.hidden_by) is not None

    def shown(self):
        return f"{self.package}: {' or '.join(self.codes)} `{self.says}`"


def read_rows():
    lines = (line.split("#")[0].strip() for line in (LISTS / "packages.txt").read_text().splitlines())
    rows = [Row(line) for line in lines if line]
    twice = [name for name, count in collections.Counter(row.name for row in rows).items() if count > 1]
    if twice:
        raise Failed(f"packages.txt: twice there: {', '.join(twice)}")
    return rows


def read_true_errors(rows):
    errors = [TrueError(row) for row in tomllib.loads((LISTS / "true-errors.toml").read_text()).get("error", [])]
    unknown = {error.package for error in errors} - {row.name for row in rows}
    if unknown:
        raise Failed(f"true-errors.toml: not in packages.txt: {', '.join(sorted(unknown))}")
    return errors


# Building


class Builder:
    def __init__(self, program, timeout):
        self.program, self.timeout = program, timeout
        self.running, self.lock = set(), threading.Lock()

    def build(self, row, target):
        """What the program said, as a dictionary. Trouble with the network gets a second chance."""
        build = self.build_once(row, target)
        if any(error["code"] == TROUBLE for error in build["errors"]):
            build = self.build_once(row, target)
        return build

    def build_once(self, row, target):
        folder = Path(tempfile.mkdtemp(dir=WORK))
        try:
            (folder / "requirements.txt").write_text("".join(f"{requirement}\n" for requirement in row.requirements))
            (folder / "tmp").mkdir()
            started = time.monotonic()
            ended, told = self.run(target, folder)
            build = {"package": row.name, "target": target, "seconds": round(time.monotonic() - started, 1)}
            return build | read_results(folder, ended, told)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, target, folder):
        """Exit code or `timeout`, and all that was printed."""
        python, architecture = target.removeprefix("python").split("/")
        env = environment(python) | {"TMPDIR": str(folder / "tmp")}
        options = ["--python-version", python, "--architecture", architecture, "--requirements", "requirements.txt"]
        command = [self.program, "build", "--layer-name", "sweep", *options, "--results", "results", "--output", "layer.zip"]
        with open(folder / "log", "wb") as log:
            # A group of its own, so that installers and compilers end with it.
            process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            with self.lock:
                self.running.add(process.pid)
            try:
                ended = process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                ended = TIMEOUT
            finally:
                self.end(process.pid)
                process.wait()
        return ended, (folder / "log").read_text(errors="replace")

    def end(self, pid):
        with self.lock:
            self.running.discard(pid)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end_all(self):
        for pid in list(self.running):
            self.end(pid)


def environment(python):
    """The caller's, with uv's usual cache. What builds that were ended leave behind goes with `WORK`."""
    env = {name: value for name, value in peers.environment().items() if not name.startswith("LAMBDA_LAYER_")}
    usual = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    env.setdefault("UV_CACHE_DIR", str(usual / "uv"))
    env["XDG_CACHE_HOME"] = str(WORK / "cache")
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin"))
    if of_pyenv:
        env["PATH"] = f"{of_pyenv[-1]}{os.pathsep}{env['PATH']}"
    return env


def read_results(folder, ended, told):
    """Errors with `code`, `text` and `hint`, and what else is worth keeping of a build."""
    if ended == TIMEOUT:
        return {"errors": [{"code": TIMEOUT, "text": "the build took too long", "hint": last_lines(told)}]}
    try:
        report = json.loads((folder / "results" / "sweep.json").read_text())["layers"][0]["report"]
    except (OSError, ValueError, LookupError):
        return {"errors": [{"code": CRASH, "text": f"exit code {ended} and no result", "hint": last_lines(told)}]}
    findings = [{key: finding.get(key) for key in ("code", "severity", "message", "help")} for finding in report["findings"]]
    errors = [{"code": found["code"], "text": found["message"], "hint": found["help"]} for found in findings if found["severity"] == "error"]
    if report.get("error"):
        errors.append(refusal(report["error"]))
    if (ended == 0) != (not errors):
        errors.append({"code": CRASH, "text": f"exit code {ended}, and that does not fit the result", "hint": last_lines(told)})
    imports = next((step["name"] for step in report["steps"] if step["name"].startswith("Import ")), "")
    return {
        "errors": errors,
        "findings": findings,
        "modules": int(re.sub(r"\D", "", imports) or 0),
        "unzipped": report["unzipped-size"],
        "versions": {distribution["name"]: distribution["version"] for distribution in report["distributions"]},
    }


def refusal(error):
    code = REFUSAL if error["kind"] == "user" else TROUBLE
    return {"code": code, "text": " · ".join([error["error"], *error["causes"]]), "hint": error.get("hint")}


def last_lines(told):
    return "\n".join(told.splitlines()[-5:])


def sweep(rows, targets, builder, jobs, true_errors):
    """All builds, those of a package one after another: what the first puts into the cache of uv serves the second."""
    WORK.mkdir(parents=True, exist_ok=True)
    builds, total = [], len(rows) * len(targets)

    def build_row(row):
        for target in targets:
            build = builder.build(row, target)
            judge(build, true_errors)
            builds.append(build)
            say(f"{len(builds):4} of {total}  {build['seconds']:6.1f} s  {row.name} {target}: {told_in_a_word(build)}")

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for done in [pool.submit(build_row, row) for row in rows]:
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            builder.end_all()
            raise
    return sorted(builds, key=lambda build: (build["package"], targets.index(build["target"])))


def judge(build, true_errors):
    """Writes to each error of the build why it is true, or None."""
    for error in build["errors"]:
        meant = [true for true in true_errors if true.means(build, error)]
        error["why"] = meant[0].why if meant else None
        for true in meant:
            true.seen = True


def told_in_a_word(build):
    unlisted = [error for error in build["errors"] if error["why"] is None]
    if unlisted:
        return "; ".join(f"NOT LISTED {error['code']}: {error['text']}" for error in unlisted)
    return "refused rightly" if build["errors"] else "passed"


# Markdown


def cell(text):
    return " ".join(str(text or "").split()).replace("|", "\\|")


def report_totals(builds, targets):
    rows = []
    for target in targets:
        mine = [build for build in builds if build["target"] == target]
        modules = sum(build.get("modules", 0) for build in mine)
        passed = sum(not build["errors"] for build in mine)
        false = sum(any(error["why"] is None for error in build["errors"]) for build in mine)
        rows.append([target, len(mine), passed, len(mine) - passed - false, false, modules or "none"])
    print("### Layers\n")
    table(["target", "built", "passed", "refused rightly", "refused, not listed", "modules imported"], rows)
    warnings = collections.Counter(found["code"] for build in builds for found in build.get("findings", []) if found["severity"] == "warning")
    if warnings:
        print(f"Warnings: {', '.join(f'{code} {count}' for code, count in sorted(warnings.items()))}\n")


def report_errors(builds):
    listed, unlisted = [], []
    for build in builds:
        for error in build["errors"]:
            rows = unlisted if error["why"] is None else listed
            rows.append([build["package"], build["target"], error["code"], cell(error["text"]), cell(error["why"] or error["hint"])])
    if listed:
        print("### True errors\n")
        table(["package", "target", "error", "says", "why it is true"], listed)
    if unlisted:
        print("### Not in the table of true errors\n")
        table(["package", "target", "error", "says", "hint"], unlisted)
    return bool(unlisted)


def report_gone(rows, builds, true_errors):
    """Layers that passed against the table. With fixed versions nothing got better: the program has lost a check."""
    pinned = {row.name for row in rows if row.pinned}
    passed = [(build["package"], build["target"]) for build in builds if not build["errors"]]
    gone = [true for true in true_errors if not true.seen and not true.is_hidden() and any(true.is_for(*build) for build in passed)]
    lost = [true for true in gone if true.package in pinned]
    for true in gone:
        print(f"- {'passed although its versions are fixed' if true in lost else 'passed, so this row may go'}: {true.shown()}")
    if gone:
        print()
    return bool(lost)


def parse_shard(text):
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"`{text}` is not like 1/4")
    return int(found[1]), int(found[2])


def parse_target(text):
    if not re.fullmatch(r"python3\.\d+/(x86_64|arm64)", text):
        raise argparse.ArgumentTypeError(f"`{text}` is not like python3.13/x86_64")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/lambda-layer", help="default target/release/lambda-layer")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this package; may be repeated")
    parser.add_argument("--target", action="append", type=parse_target, help=f"may be repeated; default {' and '.join(TARGETS)}")
    parser.add_argument("--shard", type=parse_shard, default=(1, 1), metavar="I/N", help="the I-th of N parts of the packages")
    parser.add_argument("--jobs", type=int, default=2, help="layers at once, default 2")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="for one build, default 600")
    parser.add_argument("--json", type=Path, default=ROOT / "target/sweep.json", help="all results, default target/sweep.json")
    arguments = parser.parse_args()
    program = arguments.program.resolve()
    if not program.is_file():
        raise Failed("the program is not built: `cargo build --release`, or give --program")

    rows = read_rows()
    true_errors = read_true_errors(rows)
    unknown = set(arguments.only or []) - {row.name for row in rows}
    if unknown:
        raise Failed(f"not in packages.txt: {', '.join(sorted(unknown))}")
    part, parts = arguments.shard
    rows = [row for row in rows if not arguments.only or row.name in arguments.only][part - 1 :: parts]
    targets = arguments.target or list(TARGETS)
    builds = sweep(rows, targets, Builder(program, arguments.timeout), arguments.jobs, true_errors)

    version = peers.version([program, "--version"]).strip()
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"program": version, "builds": builds}, indent=1) + "\n")
    shutil.rmtree(WORK, ignore_errors=True)
    print(f"{version}; packages: {len(rows)}\n")
    report_totals(builds, targets)
    unlisted = report_errors(builds)
    lost = report_gone(rows, builds, true_errors)
    if unlisted or lost:
        say("error: see the tables; what is refused rightly belongs into benches/sweep/true-errors.toml")
        sys.exit(1)


if __name__ == "__main__":
    peers.start(main)
