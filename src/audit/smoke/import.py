"""Imports modules one after the other, found as in Lambda, and reports each on the pipe that was standard output.

The request comes on standard input: {"path": [...], "sites": [...], "modules": [...],
"given": ..., "own": [...], "layer": ..., "left_out": [...], "incomplete": [...]}.
"""

import importlib
import json
import os
import site
import sys
import time

LONGEST = 2000
# What raises a `KeyError` for a variable that is not set; modules may replace `os.environ`.
OF_VARIABLES = type(os.environ).__getitem__.__code__


def begin():
    """Reserves the pipe for reports: what modules print goes to standard error, and their standard input is empty."""
    request = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # Without buffers: this process ends without flushing them.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    return request, report


def find_as_lambda_does(path, sites):
    """Function and layer come before the standard library; `.pth` files of the layer are read."""
    sys.path[:0] = path
    for folder in sites:
        site.addsitedir(folder)
    # Python would have done this at its start, but then it would have found the host's own packages.
    site.setquit()
    site.setcopyright()
    site.sethelper()


def give(what):
    """Provides what the modules lacked in an earlier process."""
    if what == "django-settings":
        import django
        from django.conf import settings

        settings.configure()
        django.setup()


class Watch:
    """Notes what the modules of the layer do to find out about the layer."""

    # With another process's help, a module could read anything.
    STARTS = ("subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system")

    # These list folders to find something by its name, which is noticed if it is not laid out.
    SEARCHES = ("<frozen importlib", "importlib/metadata", "importlib_metadata/")

    def __init__(self, layer, left_out, incomplete):
        # Compiled files before they are loaded, and files of the layer before they are opened.
        self.tried, self.read = [], []
        self.has_started = self.has_missed = False
        self.layer, self.left_out, self.incomplete = layer + "/", set(left_out), set(incomplete)
        sys.addaudithook(self.note)
        if left_out:
            sys.meta_path.append(self)

    def note(self, event, arguments):
        if event == "open":
            path = arguments[0]
            path = os.fsdecode(path) if isinstance(path, bytes) else path
            if isinstance(path, str) and path.startswith(self.layer):
                self.read.append(path)
        elif event in ("import", "ctypes.dlopen"):
            path = arguments[1 if event == "import" else 0] if arguments else None
            if isinstance(path, str) and path.startswith("/"):
                self.tried.append(path)
        elif event in self.STARTS:
            self.has_started = True
        elif event in ("os.listdir", "os.scandir") and self.incomplete:
            caller = sys._getframe(1).f_code.co_filename
            if not any(part in caller for part in self.SEARCHES) and self.is_incomplete(arguments[0]):
                self.has_missed = True

    def is_incomplete(self, folder):
        try:
            return os.path.abspath("." if folder is None else os.fsdecode(folder)) in self.incomplete
        except TypeError:
            return True

    def find_spec(self, name, path=None, target=None):
        """Python asks this one last: nobody has found the module."""
        if name in self.left_out:
            self.has_missed = True


def loaded_files(reported):
    """Compiled files in the memory of this process that are not in `reported` yet; adds them to it."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            paths = {line.split(None, 5)[5].rstrip("\n") for line in maps if ".so" in line and "/" in line}
    except OSError:
        return []
    new = sorted(paths - reported)
    reported.update(new)
    return new


def is_one_imported(files):
    """Whether a module of one of these files was imported. Modules are not asked: some load others when they are."""
    for module in list(sys.modules.values()):
        try:
            if object.__getattribute__(module, "__dict__").get("__file__") in files:
                return True
        except Exception:
            continue
    return False


def text_of(error):
    try:
        return str(error)[:LONGEST]
    except Exception:
        return ""


def described(error, path):
    """The exception and its causes, the outermost first."""
    chain = []
    seen = set()
    explicit = False
    while error is not None and id(error) not in seen and len(chain) < 8:
        seen.add(id(error))
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        chain.append({
            "kind": type(error).__name__,
            "message": text_of(error),
            "missing": missing if isinstance(missing, str) else None,
            "explicit": explicit,
            "variable": variable_of(error),
            "place": place_of(error, path),
        })
        explicit = error.__cause__ is not None
        error = error.__cause__ or error.__context__
    return chain


def variable_of(error):
    """The environment variable that was not set, if that is what went wrong."""
    traceback = error.__traceback__ if isinstance(error, KeyError) and error.args else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    is_asked = traceback is not None and traceback.tb_frame.f_code is OF_VARIABLES
    return str(error.args[0])[:LONGEST] if is_asked else None


def place_of(error, path):
    """The last line of the layer's code that ran, `package/module.py:12`."""
    place = None
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        for folder in path:
            if name.startswith(folder + os.sep):
                place = f"{name[len(folder) + 1:]}:{traceback.tb_lineno}"
                break
        traceback = traceback.tb_next
    return place


def time_imports(modules, report):
    """Imports modules, does nothing else meanwhile, and reports how long that took."""
    # Python itself prints what is imported from here on (-X importtime).
    os.write(2, b"\nimport time: begin\n")
    imported = 0
    start = time.perf_counter()
    for module in modules:
        try:
            # Python prints no line for what `importlib.import_module` itself imports.
            __import__(module)
            imported += 1
        except BaseException:
            # The smoke test says why.
            pass
    report({"event": "timed", "seconds": time.perf_counter() - start, "imported": imported})


def main():
    request, pipe = begin()

    def report(message):
        pipe.write(json.dumps(message) + "\n")
        pipe.flush()

    report({"event": "ready"})
    find_as_lambda_does(request["path"], request["sites"])
    report({"event": "found"})
    process = os.getpid()
    if request.get("timed"):
        time_imports(request["modules"], report)
        os._exit(0)
    watch = Watch(request["layer"], request["left_out"], request["incomplete"])
    reported, own = set(), set(request["own"])

    def report_files(event, files):
        for first in range(0, len(files), 100):
            report({"event": event, "files": files[first:first + 100]})

    for module in request["modules"]:
        report({"event": "begin", "module": module})
        start = time.monotonic()
        chain = []
        try:
            give(request["given"])
            importlib.import_module(module)
        except BaseException as error:
            chain = described(error, request["path"])
        if os.getpid() != process:
            # A module has forked, and this is the child.
            os._exit(0)
        seconds = time.monotonic() - start
        report_files("tried", watch.tried)
        report_files("read", sorted(set(watch.read)))
        report_files("loaded", loaded_files(reported))
        reads_own = bool(own) and is_one_imported(own)
        report({
            "event": "end",
            "module": module,
            "seconds": seconds,
            "errors": chain,
            "reads_own": reads_own,
            "has_started": watch.has_started,
            "has_missed": watch.has_missed,
        })
        watch.tried, watch.read, watch.has_started = [], [], False
    # Ends at once: neither the modules' threads nor their exit handlers matter.
    os._exit(0)


main()
