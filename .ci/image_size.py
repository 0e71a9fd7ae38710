"""Prints how large an image is, compressed as a registry keeps it, and fails if that is too large.

image_size.py IMAGE MEGABYTES [BASE]     with a base: what the image adds to it
"""

import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
from typing import IO


class Counter:
    """Takes what is written and keeps only how much that was."""

    bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def compressed(layer: IO[bytes]) -> int:
    counter = Counter()
    with gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=6) as zipped:
        while data := layer.read(1 << 20):
            zipped.write(data)
    return counter.bytes


def digests(image: str) -> list[str]:
    inspected = subprocess.run(["docker", "image", "inspect", image], check=True, capture_output=True).stdout
    return json.loads(inspected)[0]["RootFS"]["Layers"]


def size(image: str, base: str | None) -> int:
    known = digests(base) if base else []
    assert digests(image)[: len(known)] == known, f"{image} is not made of {base}"
    with tempfile.TemporaryFile() as saved:
        subprocess.run(["docker", "save", image], check=True, stdout=saved)
        saved.seek(0)
        with tarfile.open(fileobj=saved) as archive:
            names = json.load(archive.extractfile("manifest.json"))[0]["Layers"]
            return sum(compressed(archive.extractfile(name)) for name in names[len(known) :])


image, limit, *base = sys.argv[1:]
total = size(image, base[0] if base else None) / 1024**2
what = f"adds to {base[0]}" if base else "has"
print(f"{image} {what} {total:.1f} MB, compressed; at most {limit} MB are allowed")
sys.exit(total > float(limit))
