#!/usr/bin/env python3
"""Compares `lambda-layer` with what people use instead, on three real layers, and prints Markdown.

Build: `lambda-layer build` with its cache full, one package bumped, and empty; `uv pip install --target` + `zip -r`, with
bytecode and without; `pip install -t` + `zip -r`.
Steps: what each part of a build takes. Sizes: what slimming saves. Imports: cold, with and without bytecode.
Unchanged: a second `lambda-layer publish`, into a directory and against a real HTTP server (moto).

How to run it and what the figures mean: benches/README.md.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("small", "data", "many")
TOOLS = ROOT / "target" / "bench-tools"
MEMORY = Path("/dev/shm")
ROOM = 6 << 30  # bytes that the layers, uv's and pip's caches and some results take at most
PROGRAM = ROOT / "target/dist/lambda-layer"  # as it is shipped
PINS = ("pip==26.3", "uv==0.13.8", "moto[server]==5.2.5")
PYTHON = "3.13"
GLIBC_MINOR = 34  # Amazon Linux 2023
REPEATS = 20
IMPORT_REPEATS = 9
BUCKET = "bench-layers"
# What a function with that layer imports first.
IMPORTS = {
    "small": "import requests, pydantic, sqlalchemy.orm",
    "data": "import numpy, pandas, pyarrow",
    "many": "import googleapiclient.discovery, kubernetes.client, azure.mgmt.compute",
}
# The variants of a layer whose sizes are compared, with the inputs that make them.
VARIANTS = {
    "unslimmed": ["--slim", "none", "--bytecode", "none"],
    "`slim: safe`": ["--slim", "safe", "--bytecode", "none"],
    "`slim: max`": ["--slim", "max", "--bytecode", "none"],
    "`slim: max`, `strip`": ["--slim", "max", "--strip", "true", "--bytecode", "none"],
    "`slim: safe`, `bytecode: compile` (the default)": [],
    "`slim: safe`, `bytecode: only`": ["--bytecode", "only"],
}
OURS, UV, PIP = "`lambda-layer build`", "`uv pip install --target` + `zip -r`", "`pip install -t` + `zip -r`"
BUMPED = "`lambda-layer build`, one package bumped"
COLD = "`lambda-layer build`, nothing in its cache"
PLAIN = "the same, no slimming, no bytecode, no imports"
COMPILED = "`uv pip install --compile-bytecode` + `zip -r`"
OWN = (OURS, BUMPED, COLD, PLAIN)
# The package of each layer that is bumped: one that others need, but not all of them.
BUMPS = {"small": "idna", "data": "tzdata", "many": "azure-core"}
CACHE = "LAMBDA_LAYER_CACHE_DIR"


def place_of_work():
    """A folder in memory if there is room. On a disk, what earlier builds wrote and removed slows down the later ones: ext4
    without a journal, for one, looks at each folder that was removed in the last minutes whenever a new one is made."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM and available_memory() >= 2 * ROOM:
        return MEMORY / "lambda-layer-bench"
    return ROOT / "target" / "bench"


def available_memory():
    """Bytes; 0 where it is not known."""
    try:
        found = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


WORK = place_of_work()


class Failed(Exception):
    """Ends the script with exit code 1; timings never do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


# Measuring one process


class Usage:
    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def own_peak(pid, interval, ended, peak):
    """Keeps the last `VmHWM` of the process in `peak[0]`, in bytes.

    `ru_maxrss` of wait4 does not serve: it is the largest of the process, of every child that it
    waited for, and of whoever started it (before exec).
    """
    while not ended.is_set():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        if found:
            peak[0] = max(peak[0], int(found[1]) * 1024)
        ended.wait(interval) if interval else time.sleep(0)


def run(command, env, cwd=WORK, sample=0.01):
    """Runs the command to its end. `sample`: seconds between looks at its memory, None for no look."""
    command = [str(part) for part in command]
    with open(WORK / "log", "wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        ended, peak, sampler = threading.Event(), [0], None
        if sample is not None:
            sampler = threading.Thread(target=own_peak, args=(process.pid, sample, ended, peak), daemon=True)
            sampler.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        ended.set()
        process.returncode = os.waitstatus_to_exitcode(status)
        if sampler:
            sampler.join()
    if process.returncode != 0:
        raise Failed(f"exit code {process.returncode}: {' '.join(command)}\n{output()[-3000:]}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, peak[0])


def output():
    return (WORK / "log").read_text(errors="replace")


# The three ways to build


def platform():
    """The layers' target for uv."""
    return ["--python-version", PYTHON, "--python-platform", f"x86_64-manylinux_2_{GLIBC_MINOR}"]


def platform_options():
    """What pip needs to choose the wheels uv chooses: it does not derive older glibc tags itself."""
    tags = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)]
    tags += [f"{old}_x86_64" for old in ("manylinux2014", "manylinux2010", "manylinux1")]
    return [part for tag in tags for part in ("--platform", tag)]


def commands(how, binary, layer, tree, archive):
    """The steps as (program, command, folder it runs in)."""
    manifest = WORK / f"{layer}.txt"
    if how in OWN:
        options = ["--requirements", manifest.name, "--python-version", PYTHON, "--architecture", "x86_64"]
        # As the others do: no bytecode, nothing left out, nothing imported.
        options += ["--bytecode", "none", "--slim", "none", "--smoke-test", "off"] if how == PLAIN else []
        return [("lambda-layer", [binary, "build", *options, "--layer-name", "bench", "--output", archive], WORK)]
    target = tree / "python"
    if how in (UV, COMPILED):
        install = [TOOLS / "bin/uv", "pip", "install", "--target", target, "-r", manifest, "--only-binary", ":all:"]
        install += ["--compile-bytecode", "--python", python_of_the_layers()] if how == COMPILED else []
        install += platform()
        first = ("uv", install, WORK)
    else:
        install = [TOOLS / "bin/pip", "install", "-t", target, "-r", manifest, "--only-binary", ":all:"]
        install += ["--no-compile", "--python-version", PYTHON, "--implementation", "cp", *platform_options()]
        first = ("pip", install, WORK)
    return [first, ("zip", ["zip", "-q", "-r", archive, "python"], tree)]


class Build:
    """What one way made of one layer, over all rounds."""

    def __init__(self):
        self.seconds, self.peaks, self.zip = [], {}, None


class Zip:
    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
            wheels = (entry for entry in files if entry.filename.endswith(".dist-info/WHEEL"))
            self.wheels = {entry.filename.split("/")[-2]: archive.read(entry) for entry in wheels}
        self.bytes = path.stat().st_size
        self.files = len(files)
        self.unzipped = sum(entry.file_size for entry in files)
        self.zip6 = self.bytes


def zip6(archive, env):
    """The size `zip -6` reaches on exactly what is in the archive."""
    tree, again = WORK / "again", WORK / "again.zip"
    with zipfile.ZipFile(archive) as ours:
        ours.extractall(tree)
    run(["zip", "-q", "-r", "-6", again, "."], env, cwd=tree)
    size = again.stat().st_size
    shutil.rmtree(tree)
    again.unlink()
    return size


def previous(layer, env):
    """The layer's requirements with the version before of the package that is bumped."""
    name, text = BUMPS[layer], (WORK / f"{layer}.txt").read_text()
    version = re.search(rf"^{name}==(\S+)", text, re.M)[1]
    command = [TOOLS / "bin/uv", "pip", "compile", "-q", "--no-deps", "--generate-hashes", "--no-header", "--no-annotate", *platform(), "-"]
    older = subprocess.run([str(part) for part in command], input=f"{name}<{version}\n", capture_output=True, text=True, env=env)
    if older.returncode != 0:
        raise Failed(f"there is no {name} before {version}: {older.stderr}")
    return re.sub(rf"^{name}==\S+(?: \\\n +--hash=\S+)*\n", lambda _: older.stdout, text, flags=re.M)


def with_cache(how, binary, layer, env):
    """The environment with the cache that this way finds: full, of the version before, or empty."""
    if how not in OWN:
        return env
    cache, base = WORK / "cache" / layer, WORK / "cache" / f"{layer}-before"
    if how == OURS:
        return {**env, CACHE: str(cache)}
    if how == BUMPED and not base.exists():
        manifest = WORK / f"{layer}.txt"
        current = manifest.read_text()
        manifest.write_text(previous(layer, env))
        run(commands(how, binary, layer, WORK / "tree", WORK / "out.zip")[0][1], {**env, CACHE: str(base)})
        manifest.write_text(current)
    fresh = WORK / "cache" / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    if how == BUMPED:
        shutil.copytree(base, fresh)
    return {**env, CACHE: str(fresh)}


def build_once(how, binary, layer, env, build, measure):
    """One build. `measure`: "zip" for the first, which also warms up; "seconds"; or "peaks", because looking at the memory takes time."""
    tree, archive = WORK / "tree", WORK / "out.zip"
    tree.mkdir()
    env = with_cache(how, binary, layer, env)
    os.sync()  # what the last one wrote is not this one's load
    seconds = 0.0
    for program, command, cwd in commands(how, binary, layer, tree, archive):
        used = run(command, env, cwd, sample=0.01 if measure == "peaks" else None)
        seconds += used.wall
        if measure == "peaks":
            build.peaks[program] = used.peak
    if measure == "seconds":
        build.seconds.append(seconds)
    elif measure == "zip":
        build.zip = Zip(archive)
        if how in OWN:
            build.zip.zip6 = zip6(archive, env)
    shutil.rmtree(tree)
    archive.unlink()


def build_all(binary, runs, env, with_pip=True):
    hows = [*(OWN if binary else ()), UV, COMPILED, *([PIP] if with_pip else ())]
    builds = {(how, layer): Build() for how in hows for layer in LAYERS}
    for number in range(runs + 2):
        measure = "zip" if number == 0 else "seconds" if number <= runs else "peaks"
        say(f"builds: round {number} of {runs}" if measure == "seconds" else f"builds: {measure}")
        for layer in LAYERS:
            turn = number % len(hows)  # nobody is always the one after pip
            for how in hows[turn:] + hows[:turn]:
                build_once(how, binary, layer, env, builds[how, layer], measure)
    return hows, builds


# Steps, sizes, imports


def python_of_the_layers():
    """An interpreter of the layers' version: from PATH, or of pyenv."""
    for program in (f"python{PYTHON}", *sorted(Path.home().glob(f".pyenv/versions/{PYTHON}.*/bin/python{PYTHON}"))):
        found = shutil.which(program)
        if found and version([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip() == PYTHON:
            return Path(found)
    return None


def build_variant(binary, layer, options, archive, env):
    """The zip, and seconds and details of each step."""
    base = ["--requirements", f"{layer}.txt", "--python-version", PYTHON, "--architecture", "x86_64"]
    imports = [] if "--smoke-test" in options else ["--smoke-test", "off"]
    run([binary, "build", *base, "--layer-name", "bench", "--output", archive, *imports, *options], env)
    line = re.compile(r"^ *([\d.]+) (ms|s)  (\S.{31}) ?(.*)$", re.M)
    return {found[2].strip(): (float(found[0]) / (1000 if found[1] == "ms" else 1), found[3]) for found in line.findall(output())}


def report_steps(binary, runs, env):
    """Medians of the steps of a build with the defaults, as the program tells them: with its cache empty, and full."""
    steps = {}
    fresh, full = WORK / "cache" / "fresh", WORK / "cache" / "full"
    for number in range(runs + 1):
        say("steps: warm-up" if number == 0 else f"steps: round {number} of {runs}")
        for layer in LAYERS:
            shutil.rmtree(fresh, ignore_errors=True)
            for state, cache in ("empty", fresh), ("full", full):
                told = build_variant(binary, layer, ["--smoke-test", "auto"], WORK / "out.zip", {**env, CACHE: str(cache)})
                for name, (seconds, _) in told.items() if number > 0 else ():
                    # The number of modules is another one for each layer, and the installer need not start.
                    name = re.sub(r"^Import .*", "Import", re.sub(r"^Install .*", "Install", name))
                    steps.setdefault(name, {}).setdefault((layer, state), []).append(seconds)
                (WORK / "out.zip").unlink()
    print(f"### Steps of a build with the defaults, cache empty → full: ms, median of {runs}\n")

    def cell(by, layer):
        return " → ".join(f"{1e3 * statistics.median(by[layer, state]):.0f}" if (layer, state) in by else "–" for state in ("empty", "full"))

    table(["step", *LAYERS], [[name, *(cell(by, layer) for layer in LAYERS)] for name, by in steps.items()])
    sizes = [mb(tree_size(WORK / "cache" / layer)) for layer in LAYERS if (WORK / "cache" / layer).exists()]
    print(f"The caches of the layers have {', '.join(sizes)} MB.\n")


def serverless_slim(tree):
    """What serverless-python-requirements does for `slim: true` (its defaults): patterns, and `strip` on *.so."""
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name == "__pycache__" or ".dist-info" in path.name:
                shutil.rmtree(path)
        elif path.suffix in (".pyc", ".pyo"):
            path.unlink()
        elif path.suffix == ".so":
            subprocess.run(["strip", str(path)], capture_output=True)


def tree_size(tree):
    return sum(path.lstat().st_size for path in tree.rglob("*") if not path.is_dir())


def report_sizes(binary, env):
    rows = []
    for layer in LAYERS:
        for name, options in VARIANTS.items():
            say(f"sizes: {layer}, {name}")
            steps = build_variant(binary, layer, options, WORK / "out.zip", env)
            made = Zip(WORK / "out.zip")
            rows.append([layer, name, mb(made.bytes), mb(made.unzipped), made.files, steps.get("Strip symbols", (0, ""))[1]])
            (WORK / "out.zip").unlink()
        say(f"sizes: {layer}, serverless-python-requirements")
        tree = WORK / "tree"
        run(commands(UV, binary, layer, tree, WORK / "out.zip")[0][1], env)
        serverless_slim(tree)
        run(["zip", "-q", "-r", WORK / "out.zip", "python"], env, tree)
        files = sum(not path.is_dir() for path in tree.rglob("*"))
        works = starts(python_of_the_layers(), layer, tree / "python")
        rows.append([layer, "serverless-python-requirements' `slim`", mb((WORK / "out.zip").stat().st_size), mb(tree_size(tree)), files, works])
        shutil.rmtree(tree)
        (WORK / "out.zip").unlink()
    print("### Sizes, MB\n")
    table(["layer", "how", "zip", "unzipped", "files", ""], rows)


def report_audit(binary, runs, env):
    """Gives the median of seconds for `audit` of a finished, unslimmed zip, by layer."""
    median, rows = {}, []
    for layer in LAYERS:
        say(f"audit: {layer}")
        archive = WORK / "out.zip"
        build_variant(binary, layer, VARIANTS["unslimmed"], archive, env)
        made = Zip(archive)
        command = [binary, "audit", archive, "--python-version", PYTHON, "--architecture", "x86_64", "--fail-on", "never", "--vulnerabilities", "off"]
        used = [run(command, env, sample=0.001) for _ in range(runs + 1)][1:]
        seconds = [usage.wall for usage in used]
        median[layer] = statistics.median(seconds)
        rows.append([layer, made.files, mb(made.unzipped), spread(seconds), mb(max(usage.peak for usage in used))])
        archive.unlink()
    print(f"### `audit` of a finished zip: seconds, median of {runs} (lowest–highest)\n")
    table(["layer", "files", "unzipped, MB", "seconds", "peak, MB (VmHWM)"], rows)
    return median


def starts(python, layer, packages):
    if python is None:
        return ""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([str(python), "-s", "-c", IMPORTS[layer]], env=env, capture_output=True, text=True, cwd=WORK)
    return "imports" if done.returncode == 0 else "does not import: " + done.stderr.strip().splitlines()[-1][:80]


def import_once(python, layer, packages):
    """Milliseconds of the imports alone, in a fresh interpreter that writes nothing, as in Lambda."""
    program = f"import time; t = time.perf_counter(); {IMPORTS[layer]}; print(1e3 * (time.perf_counter() - t))"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([str(python), "-s", "-c", program], env=env, capture_output=True, text=True, cwd=WORK)
    if done.returncode != 0:
        raise Failed(f"{IMPORTS[layer]}\n{done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def report_imports(binary, env):
    """Gives how many times faster the imports are with bytecode, by layer; None without that Python."""
    python = python_of_the_layers()
    if python is None:
        print(f"### Cold imports\n\nNot measured: this machine has no python{PYTHON}.\n")
        return None
    rows, faster = [], {}
    for layer in LAYERS:
        trees = {}
        for bytecode in ("none", "compile", "only"):
            say(f"imports: {layer}, {bytecode}")
            trees[bytecode] = WORK / f"opt-{bytecode}"
            build_variant(binary, layer, ["--bytecode", bytecode], WORK / "out.zip", env)
            with zipfile.ZipFile(WORK / "out.zip") as archive:
                archive.extractall(trees[bytecode])
            (WORK / "out.zip").unlink()
        times = {bytecode: [] for bytecode in trees}
        for number in range(IMPORT_REPEATS + 1):
            for bytecode, tree in trees.items():
                took = import_once(python, layer, tree / "python")
                if number > 0:  # the first one warms the page cache
                    times[bytecode].append(took)
        median = {bytecode: statistics.median(values) for bytecode, values in times.items()}
        # With bytecode beside its sources a layer may be over Lambda's limit, and then it gets none.
        fits = any((trees["compile"] / "python").rglob("*.pyc"))
        faster[layer] = median["none"] / median["compile" if fits else "only"]
        shown = {name: spread(values) for name, values in times.items()}
        if not fits:
            shown["compile"] = "would be over 250 MB"
        rows.append([layer, f"`{IMPORTS[layer]}`", *shown.values(), f"{faster[layer]:.2f}"])
        for tree in trees.values():
            shutil.rmtree(tree)
    print(f"### Cold imports: ms, median of {IMPORT_REPEATS} (lowest–highest), warm page cache\n")
    table(["layer", "imports", "`none`", "`compile`", "`only`", "`none` / `compile`, or `only`"], rows)
    return faster


# The unchanged run


class Unchanged:
    def __init__(self, cpu, wall, peak, children):
        self.cpu, self.wall, self.peak, self.children, self.requests = cpu, wall, peak, children, None


def publish(binary, options):
    base = ["--requirements", "small.txt", "--python-version", PYTHON, "--architecture", "x86_64"]
    return [binary, "publish", *base, "--layer-name", "bench", *options]


def count_children(command, env):
    """Successful execve calls but the first, or None where nobody can count them."""
    trace = WORK / "trace"
    try:
        run(["strace", "-f", "-qq", "-e", "trace=execve", "-o", trace, *command], env, sample=None)
    except (OSError, Failed) as error:
        say(f"child processes not counted: {str(error).splitlines()[0]}")
        return None
    return len(re.findall(r"execve(?:\(| resumed>).* = 0$", trace.read_text(), re.M)) - 1


def measure_unchanged(command, env):
    run(command, env)
    run(command, env)
    if "unchanged" not in output().lower():
        raise Failed(f"the second publish does not say unchanged:\n{output()[-3000:]}")
    used = [run(command, env, sample=None) for _ in range(REPEATS)]
    # Apart from the timed runs, because looking at the memory without a pause takes a core.
    peak = max(run(command, env, sample=0).peak for _ in range(REPEATS))
    cpu = [usage.cpu for usage in used]
    wall = [usage.wall for usage in used]
    return Unchanged(cpu, wall, peak, count_children(command, env))


class Moto:
    """A real HTTP server for Lambda and S3, on a port of its own choice."""

    def __init__(self, env):
        self.log = WORK / "moto.log"
        with open(self.log, "wb") as log:
            command = [str(TOOLS / "bin/moto_server"), "-H", "127.0.0.1", "-p", "0"]
            self.process = subprocess.Popen(command, env=env, cwd=WORK, stdout=log, stderr=log)

    def __enter__(self):
        for _ in range(600):
            found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", self.log.read_text())
            if found:
                self.url = found[1]
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.__exit__()
        raise Failed(f"moto_server did not start:\n{self.log.read_text()[-3000:]}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def requests(self):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text())
        return re.findall(r'"([A-Z]+ \S+) HTTP/[\d.]+" (\d+)', plain)


def unchanged_in_directory(binary, env):
    say(f"unchanged: directory, {REPEATS} repeats")
    return measure_unchanged(publish(binary, ["--registry", WORK / "registry"]), env)


def unchanged_on_aws(binary, env):
    say(f"unchanged: AWS (moto), {REPEATS} repeats")
    with Moto(env) as moto:
        env = dict(env, AWS_ENDPOINT_URL=moto.url, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
        env.update(AWS_REGION="eu-west-1", AWS_EC2_METADATA_DISABLED="true", NO_PROXY="127.0.0.1")
        env.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
        where = "CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'}"
        make = f"import boto3; boto3.client('s3', 'eu-west-1').create_bucket(Bucket='{BUCKET}', {where})"
        run([TOOLS / "bin/python", "-c", make], env)
        command = publish(binary, ["--registry", "aws", "--regions", "eu-west-1", "--bucket", BUCKET])
        result = measure_unchanged(command, env)
        before = len(moto.requests())
        run(command, env)
        result.requests = [f"{request} → {status}" for request, status in moto.requests()[before:]]
    return result


# Markdown


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print()


def mb(size):
    return f"{size / 1e6:.1f}"


def spread(values, factor=1.0):
    low, middle, high = (factor * pick(values) for pick in (min, statistics.median, max))
    digits = 2 if middle < 10 else 1
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def report_builds(hows, builds, runs):
    median = {key: statistics.median(build.seconds) for key, build in builds.items()}
    faster = {(how, layer): median[UV, layer] / median[how, layer] for how, layer in builds}
    # The same outcome: bytecode, too.
    faster.update({("compiled", layer): median[COMPILED, layer] / median[COLD, layer] for layer in LAYERS if (COLD, layer) in builds})
    print(f"### Seconds, median of {runs} (lowest–highest), warm caches\n")
    table(["how", *LAYERS], [[how, *(spread(builds[how, layer].seconds) for layer in LAYERS)] for how in hows])
    print("### Speed against uv + zip (2.00 is twice as fast)\n")
    table(["how", *LAYERS], [[how, *(f"{faster[how, layer]:.2f}" for layer in LAYERS)] for how in hows])
    if (COLD, LAYERS[0]) in builds:
        print("### Speed of an empty cache against uv with bytecode + zip\n")
        table(["", *LAYERS], [[COLD, *(f"{faster['compiled', layer]:.2f}" for layer in LAYERS)]])
    print("### What came out\n")
    rows = []
    for layer in LAYERS:
        for how in hows:
            made = builds[how, layer].zip
            ratio = f"{made.bytes / made.zip6:.3f}"
            rows.append([layer, how, mb(made.bytes), mb(made.zip6), ratio, mb(made.unzipped), made.files])
    table(["layer", "how", "zip, MB", "`zip -6` of the same tree, MB", "ratio", "unzipped, MB", "files"], rows)
    for layer in LAYERS:
        for how in hows:
            ours, uvs = builds[how, layer].zip.wheels, builds[UV, layer].zip.wheels
            other = sorted(name for name in ours.keys() | uvs.keys() if ours.get(name) != uvs.get(name))
            if other:
                print(f"Not the same wheels in {layer}, {how} against uv: {', '.join(other)}\n")
    print("### Peak memory, MB (VmHWM of the process itself, without its children)\n")
    rows = []
    for how in hows:
        for program in builds[how, LAYERS[0]].peaks:
            rows.append([how, f"`{program}`", *(mb(builds[how, layer].peaks[program]) for layer in LAYERS)])
    table(["how", "process", *LAYERS], rows)
    return faster


def report_unchanged(results):
    print(f"### Unchanged: `publish` again, median of {REPEATS} (lowest–highest)\n")
    rows = []
    for name, result in results.items():
        children = "not counted" if result.children is None else result.children
        requests = "–" if result.requests is None else len(result.requests)
        rows.append([name, spread(result.cpu, 1e3), spread(result.wall, 1e3), mb(result.peak), children, requests])
    table(["registry", "user + system CPU, ms", "wall, ms", "peak, MB (VmHWM)", "child processes", "requests"], rows)
    if any(result.children is None for result in results.values()):
        print("Child processes are counted with `strace`; it is missing or not allowed here.\n")
    for result in results.values():
        for request in result.requests or []:
            print(f"- `{request}`")
        if result.requests:
            print()


def report_targets(builds, faster, audits=None, imports=None, results=None):
    wanted = {
        OURS: ("cache full", (8, 8, 8)),
        BUMPED: ("one package bumped", (5, 8, 8)),
        "compiled": ("cache empty, against uv with bytecode", (1.5, 2.5, 1.5)),
        PLAIN: ("cache empty, no slimming, no bytecode", (3, 5, 4)),
    }
    rows = []
    for how, (what, ratios) in wanted.items():
        for layer, ratio in zip(LAYERS, ratios):
            rows.append((f"`build` of {layer}, {what}: {ratio} times as fast", f"{faster[how, layer]:.2f}", faster[how, layer] >= ratio))
    if audits:
        rows.append(("`audit` of data under 1 s", f"{audits['data']:.2f} s", audits["data"] < 1))
    for layer, ratio in (imports or {}).items():
        rows.append((f"cold imports of {layer} at least twice as fast with bytecode", f"{ratio:.2f}", ratio >= 2))
    for layer in LAYERS:
        made = builds[OURS, layer].zip
        rows.append((f"zip of {layer} no larger than `zip -6`'s", f"{made.bytes / made.zip6:.3f}", made.bytes <= made.zip6))
    peak = max(builds[how, layer].peaks["lambda-layer"] for how in OWN for layer in LAYERS)
    rows.append(("own peak memory under 200 MB throughout", f"{mb(peak)} MB", peak < 200e6))
    for name, result in (results or {}).items():
        cpu = statistics.median(result.cpu) * 1e3
        rows.append((f"unchanged, {name}: under 30 ms of CPU", f"{cpu:.1f} ms", cpu < 30))
        rows.append((f"unchanged, {name}: under 25 MB", f"{mb(result.peak)} MB", result.peak < 25e6))
        if result.children is not None:
            rows.append((f"unchanged, {name}: no child process", result.children, result.children == 0))
        if result.requests is not None:
            state = sum(request.startswith(f"GET /{BUCKET}/") and request.endswith("200") for request in result.requests)
            exists = sum("/layers/" in request and request.endswith("200") for request in result.requests)
            met = (state, exists, len(result.requests)) == (1, 1, 2)
            measured = f"{state} and {exists}, of {len(result.requests)} requests"
            rows.append((f"unchanged, {name}: one GET of the state, one existence check", measured, met))
    print("### Targets\n")
    table(["target", "measured", ""], [(target, measured, "✓" if met else "✗") for target, measured, met in rows])


# Set-up


def install_tools():
    """A virtual environment with the pinned peers and moto, made once."""
    stamp = TOOLS / "pins"
    if stamp.is_file() and stamp.read_text().split() == list(PINS):
        return
    say(f"installing {', '.join(PINS)}")
    shutil.rmtree(TOOLS, ignore_errors=True)
    for command in (["-m", "venv", TOOLS], [TOOLS / "bin/python", "-m", "pip", "install", "-q", *PINS]):
        command = [sys.executable, *command] if command[0] == "-m" else command
        if subprocess.run([str(part) for part in command], stdout=sys.stderr).returncode != 0:
            raise Failed("cannot set up the tools (on Debian and Ubuntu the module venv is in `apt-get install python3-venv`)")
    stamp.write_text("\n".join(PINS))


def environment():
    """The caller's, less what would make a run one of GitHub's, and with the pinned uv first."""
    ours = re.compile(r"INPUT_|GITHUB_|RUNNER_|AWS_|CI$|VIRTUAL_ENV$|PYTHONPATH$|UV_PYTHON_PLATFORM$")
    env = {name: value for name, value in os.environ.items() if not ours.match(name)}
    env["PATH"] = f"{TOOLS / 'bin'}{os.pathsep}{env['PATH']}"
    if WORK.is_relative_to(MEMORY):
        # With the caches of all tools, from which files are linked.
        env = {name: value for name, value in env.items() if name not in ("UV_CACHE_DIR", "PIP_CACHE_DIR")}
        env["XDG_CACHE_HOME"] = str(WORK / "xdg-cache")
    return env


def version(command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True).stdout


def begin(binary):
    """Tools and an empty folder to work in; gives the program and what it is started with to talk to moto."""
    binary = binary.resolve()
    if not binary.is_file():
        raise Failed("the program is not built: `cargo build --profile dist`")
    install_tools()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    env = environment()
    env.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench", AWS_EC2_METADATA_DISABLED="true", NO_PROXY="127.0.0.1")
    return binary, env


def start(main):
    """Runs a benchmark. What is wrong with its surroundings is told in one line, without a traceback."""
    try:
        main()
    except Failed as error:
        say(f"error: {error}")
        sys.exit(1)
    finally:
        if WORK.is_relative_to(MEMORY):
            shutil.rmtree(WORK, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=PROGRAM, help="the program, default target/dist/lambda-layer")
    parser.add_argument("--runs", type=int, default=5, help="timed rounds of the builds, default 5")
    parser.add_argument("--only-peers", action="store_true", help="leave the program out, measure uv and pip only")
    parser.add_argument("--only-builds", action="store_true", help="only builds and their steps, without pip")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        raise Failed("--runs must be at least 1")
    if not shutil.which("zip"):
        raise Failed("`zip` is missing: `apt-get install zip` or `dnf install zip`")
    binary = None if arguments.only_peers else arguments.binary.resolve()
    if binary and not binary.is_file():
        raise Failed("the program is not built: `cargo build --profile dist`, or give --binary, or --only-peers")

    install_tools()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    env = environment()
    for layer in LAYERS:
        # A lock, as projects have it: with the hashes of all files.
        command = [TOOLS / "bin/uv", "pip", "compile", "-q", "--no-deps", "--generate-hashes", "--no-header", "--no-annotate", *platform()]
        run([*command, "-o", WORK / f"{layer}.txt", ROOT / "benches/layers" / f"{layer}.txt"], env)
    python = python_of_the_layers()
    if python:
        env["PATH"] = os.pathsep.join([str(TOOLS / "bin"), str(python.parent), env["PATH"]])
    else:
        say(f"no python{PYTHON} on this machine: the layers get no bytecode, and imports are not measured")

    zip_version = re.search(r"Zip (\d+\.\d+)", version(["zip", "-v"]))
    tools = [pin for pin in PINS if not pin.startswith("moto")] + [f"zip {zip_version[1]}" if zip_version else "zip"]
    if binary:
        tools.insert(0, version([binary, "--version"]).strip() or "lambda-layer")
    print(f"{', '.join(tools)}; python{PYTHON} on x86_64; {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}.\n", flush=True)
    hows, builds = build_all(binary, arguments.runs, env, with_pip=not arguments.only_builds)
    faster = report_builds(hows, builds, arguments.runs)
    if arguments.only_builds and binary:
        sys.stdout.flush()
        report_steps(binary, arguments.runs, env)
        report_targets(builds, faster)
    elif binary:
        sys.stdout.flush()  # an error below does not lose the tables above
        report_steps(binary, arguments.runs, env)
        audits = report_audit(binary, arguments.runs, env)
        report_sizes(binary, env)
        imports = report_imports(binary, env)
        results = {"directory": unchanged_in_directory(binary, env), "AWS (moto)": unchanged_on_aws(binary, env)}
        report_unchanged(results)
        report_targets(builds, faster, audits, imports, results)
    shutil.rmtree(WORK)


if __name__ == "__main__":
    start(main)
