# What a Python says about itself, as JSON. It is asked in each first build, so nothing is imported that takes time to
# load: with json, platform and importlib.util it takes twice as long.
import posix
import sys

try:
    from _json import encode_basestring_ascii as text
except ImportError:  # not CPython
    from json import dumps as text

try:
    library = posix.confstr("CS_GNU_LIBC_VERSION") or ""
except (OSError, ValueError):  # another C library
    library = ""


def has(name):
    return any(finder.find_spec(name, None) for finder in sys.meta_path)


answer = {
    "executable": text(sys.executable),
    "version": text("%d.%d" % sys.version_info[:2]),
    "build": text(sys.version),
    "platform": text(sys.platform),
    "glibc": text(library[6:] if library.startswith("glibc ") else ""),
    "is_release": str(sys.version_info[3] == "final").lower(),
    "is_whole": str(all(has(name) for name in ("_bz2", "_ctypes", "_lzma", "_sqlite3", "_ssl"))).lower(),
}
print("{%s}" % ", ".join('"%s": %s' % row for row in answer.items()))
