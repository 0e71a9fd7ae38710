"""Compiles the modules it is told of on standard input. They are not executed.

Each frame, in both directions, is its length (4 bytes, little endian) and its bytes. The first one out is the magic
number of this Python's bytecode. A frame in holds paths and the names to compile under, in turn, each with a NUL behind
it; each module is answered, in order, by the hash of its source and its marshalled code, or by an empty frame if it
cannot be compiled.
"""

import gc
import sys
from importlib.util import MAGIC_NUMBER, source_hash
from marshal import dumps


def read():
    length = int.from_bytes(sys.stdin.buffer.read(4), "little")
    return sys.stdin.buffer.read(length)


def write(frame):
    sys.stdout.buffer.write(len(frame).to_bytes(4, "little") + frame)
    sys.stdout.buffer.flush()


def compiled(path, name):
    try:
        with open(path, "rb") as file:
            source = file.read()
        return source_hash(source) + dumps(compile(source, name.decode(), "exec", dont_inherit=True, optimize=0))
    except Exception:
        return b""


gc.disable()
write(MAGIC_NUMBER)
while True:
    fields = read().split(b"\0")[:-1]
    if not fields:
        break
    for path, name in zip(fields[::2], fields[1::2]):
        write(compiled(path, name))
