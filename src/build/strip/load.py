"""Loads the shared objects whose paths, each with a NUL behind it, come on standard input, each in a process of its own.

Answers each with one byte, in order: 1 if it was loaded, 0 if not.
"""

import ctypes
import os
import signal
import sys

LIMIT = 60  # seconds for one


def load(path):
    signal.alarm(LIMIT)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(quiet, descriptor)
    try:
        ctypes.CDLL(os.fsdecode(path), os.RTLD_NOW)
    except OSError:
        os._exit(1)
    os._exit(0)


for path in sys.stdin.buffer.read().split(b"\0")[:-1]:
    child = os.fork()
    if child == 0:
        load(path)
    _, status = os.waitpid(child, 0)
    os.write(1, b"1" if status == 0 else b"0")
