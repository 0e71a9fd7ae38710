"""Imports modules one after the other, found as in Lambda, and tells of each on the pipe that was standard output.

The request comes on standard input: {"path": [...], "sites": [...], "modules": [...]}.
"""

import importlib
import json
import os
import site
import sys
import time

LONGEST = 2000


def begin():
    """Keeps the pipe to itself: what modules print goes to standard error, and they read nothing."""
    request = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # This process ends without a last flush, or dies.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    return request, report


def find_as_lambda_does(path, sites):
    """Function and layer come before the standard library; `.pth` files of the layer are read."""
    sys.path[:0] = path
    for folder in sites:
        site.addsitedir(folder)
    # What the start of Python would have brought; it was held back for the host's own packages.
    site.setquit()
    site.setcopyright()
    site.sethelper()


def text_of(error):
    try:
        return str(error)[:LONGEST]
    except Exception:
        return ""


def described(error, path):
    """The error with those that it came of, the outermost first."""
    chain = []
    seen = set()
    while error is not None and id(error) not in seen and len(chain) < 8:
        seen.add(id(error))
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        chain.append({
            "kind": type(error).__name__,
            "message": text_of(error),
            "missing": missing if isinstance(missing, str) else None,
            "place": place_of(error, path),
        })
        error = error.__cause__ or error.__context__
    return chain


def place_of(error, path):
    """The last line of the layer that ran, `package/module.py:12`."""
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


def main():
    request, report = begin()

    def tell(message):
        report.write(json.dumps(message) + "\n")
        report.flush()

    tell({"event": "ready"})
    find_as_lambda_does(request["path"], request["sites"])
    tell({"event": "found"})
    process = os.getpid()
    for module in request["modules"]:
        tell({"event": "begin", "module": module})
        start = time.monotonic()
        chain = []
        try:
            importlib.import_module(module)
        except BaseException as error:
            chain = described(error, request["path"])
        if os.getpid() != process:
            # A module has forked, and this is not the one that is asked.
            os._exit(0)
        tell({"event": "end", "module": module, "seconds": time.monotonic() - start, "errors": chain})
    # Threads of modules and what they registered for the end do not matter any more.
    os._exit(0)


main()
