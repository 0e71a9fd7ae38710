"""Writes the workflows and steps that stand in Markdown files as workflows of their own, to be linted.

snippets.py FOLDER FILE...
"""

import re
import sys
import textwrap
from pathlib import Path

WORKFLOW = """\
on: push
jobs:
  snippet:
    runs-on: ubuntu-latest
    steps:
"""

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for old in folder.glob("*.yml"):
    old.unlink()
for path in map(Path, sys.argv[2:]):
    text = path.read_text()
    for block in re.finditer(r"^```yaml\n(.*?)^```", text, re.M | re.S):
        content = block[1]
        if not re.match(r"- |(name|on|jobs):", content):
            continue  # another file, such as lambda-layers.yml
        if content.startswith("- "):
            content = WORKFLOW + textwrap.indent(content, " " * 6)
        line = text.count("\n", 0, block.start()) + 1
        (folder / f"{path.stem}-{line}.yml").write_text(content)
