"""Packs a program as releases have it, with its checksum.

archive.py PROGRAM TARGET FOLDER

Writes `lambda-layer-TARGET.tar.gz` and `lambda-layer-TARGET.tar.gz.sha256` into FOLDER. The same program gives the same bytes:
names are sorted, and owners and times are fixed.
"""

import argparse
import gzip
import hashlib
import io
import tarfile
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument("program", type=Path)
arguments.add_argument("target")
arguments.add_argument("folder", type=Path)
given = arguments.parse_args()

root = Path(__file__).resolve().parent.parent
members = {
    "LICENSE": (root / "LICENSE", 0o644),
    "lambda-layer": (given.program, 0o755),
}
archive = given.folder / f"lambda-layer-{given.target}.tar.gz"
given.folder.mkdir(parents=True, exist_ok=True)
with (
    archive.open("wb") as file,
    gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
    tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
):
    for name, (source, mode) in sorted(members.items()):
        content = source.read_bytes()
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = len(content), mode, 0
        tar.addfile(member, io.BytesIO(content))
checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
archive.with_name(archive.name + ".sha256").write_text(f"{checksum}  {archive.name}\n")
print(f"{archive}: {archive.stat().st_size:,} bytes, of which the program has {given.program.stat().st_size:,} unpacked")
