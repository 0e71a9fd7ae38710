"""Checks that the crate has all that it is compiled from, and little else.

crate.py

`cargo package` would compile it, without the tests' dependencies, for five minutes; ci.yml does that.
"""

import re
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
command = ["cargo", "package", "--locked", "--list", "--allow-dirty", "--quiet"]
packed = set(subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout.split())

needed = {"Cargo.lock", "LICENSE", "README.md"}
for source in sorted((root / "src").rglob("*.rs")):
    needed.add(str(source.relative_to(root)))
    for included in re.findall(r'\binclude(?:_str|_bytes)?!\(\s*"([^"]+)"', source.read_text()):
        needed.add(str((source.parent / included).resolve().relative_to(root)))

missing = sorted(needed - packed)
for path in missing:
    print(f"error: the crate lacks {path}: see `include` in Cargo.toml")
# Tests and examples need a checkout, and would make the crate ten times as large.
wanted = ("data/", "src/", ".cargo_vcs_info.json", "Cargo.", "LICENSE", "README.md")
more = sorted(path for path in packed if not path.startswith(wanted))
for path in more:
    print(f"error: the crate has {path}: see `include` in Cargo.toml")
print(f"{len(packed)} files in the crate, {len(needed)} of which it is compiled from")
sys.exit(bool(missing or more))
