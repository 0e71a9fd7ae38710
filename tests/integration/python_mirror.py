"""A mirror of interpreters, as uv asks one for them: this machine's CPython as an archive, and the list that names it.

Arguments: a folder that keeps the archive, and how the mirror behaves: `well`, `slow`, `half` (the connection ends in the
middle), `wrong` (the checksum of the list is of another file), `down` (answers 503). What was asked for stands at `/_seen`.
"""

import hashlib
import json
import os
import pathlib
import platform
import sys
import sysconfig
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER, MANNER = pathlib.Path(sys.argv[1]), sys.argv[2]
VERSION = sys.version_info
PYTHON = f"python{VERSION.major}.{VERSION.minor}"
NAME = f"cpython-{VERSION.major}.{VERSION.minor}.{VERSION.micro}.tar.gz"
LEFT_OUT = {"__pycache__", "ensurepip", "idlelib", "site-packages", "test"}
SEEN = []


def archive() -> bytes:
    """Laid out as https://gregoryszorc.com/docs/python-build-standalone/main/distributions.html has it."""
    place = FOLDER / NAME
    if not place.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = FOLDER / f"{NAME}.{os.getpid()}"
        with tarfile.open(part, "w:gz", compresslevel=1) as tar:
            tar.add(os.path.realpath(sys.executable), f"python/bin/{PYTHON}")
            tar.add(sysconfig.get_path("stdlib"), f"python/lib/{PYTHON}", filter=wanted)
            # A Python that was built with its library apart looks for it there.
            library = pathlib.Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "x")
            if library.is_file() and ".so" in library.name:
                tar.add(library, f"python/lib/{library.name}")
            for name in ("python3", "python"):
                link = tarfile.TarInfo(f"python/bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, PYTHON
                tar.addfile(link)
        part.replace(place)
    return place.read_bytes()


def wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    # uv refuses links that lead out of the archive, as Debian's do.
    parts = set(pathlib.PurePath(entry.name).parts)
    return None if entry.issym() or parts & LEFT_OUT or "/config-" in entry.name else entry


ARCHIVE = archive()


def downloads(port: int) -> dict[str, object]:
    """What `UV_PYTHON_DOWNLOADS_JSON_URL` leads to: https://docs.astral.sh/uv/reference/environment/."""
    key = f"cpython-{VERSION.major}.{VERSION.minor}.{VERSION.micro}-linux-{platform.machine()}-gnu"
    return {
        key: {
            "name": "cpython",
            "arch": {"family": platform.machine(), "variant": None},
            "os": "linux",
            "libc": "gnu",
            "major": VERSION.major,
            "minor": VERSION.minor,
            "patch": VERSION.micro,
            "prerelease": "",
            "url": f"http://127.0.0.1:{port}/{NAME}",
            "sha256": "0" * 64 if MANNER == "wrong" else hashlib.sha256(ARCHIVE).hexdigest(),
            "variant": None,
            "build": None,
        }
    }


class Mirror(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/_seen":
            return self.answer(json.dumps(SEEN).encode())
        SEEN.append(self.path)
        if MANNER == "down":
            self.send_error(503)
        elif self.path == "/downloads.json":
            self.answer(json.dumps(downloads(self.server.server_port)).encode())
        elif self.path == f"/{NAME}":
            self.answer(ARCHIVE)
        else:
            self.send_error(404)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if MANNER == "half" and body is ARCHIVE:
            self.wfile.write(body[: len(body) // 2])
            self.connection.close()
        elif MANNER == "slow" and body is ARCHIVE:
            for start in range(0, len(body), len(body) // 20):
                time.sleep(0.05)
                self.wfile.write(body[start : start + len(body) // 20])
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
print(f"Mirror on port {server.server_port}", flush=True)
server.serve_forever()
