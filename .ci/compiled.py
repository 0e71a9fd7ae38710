"""Prints what cargo says about a program that it compiled, with the path of a copy of it.

cargo test --no-run --message-format json | compiled.py COPY
"""

import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    if message["reason"] != "compiler-artifact" or message["target"]["kind"] != ["bin"] or message["profile"]["test"]:
        continue
    print(json.dumps(message | {"executable": sys.argv[1], "filenames": [sys.argv[1]]}))
