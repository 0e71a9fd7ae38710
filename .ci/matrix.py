"""Checks what a run of `matrix.yml` with `act --json` did.

matrix.py LOG STATUS --status 0 --builds 6 --says TEXT
"""

import argparse
import json
import sys
from pathlib import Path

arguments = argparse.ArgumentParser()
arguments.add_argument("log", type=Path)
arguments.add_argument("ended", type=int)
arguments.add_argument("--status", type=int)
arguments.add_argument("--builds", type=int)
arguments.add_argument("--says")
wanted = arguments.parse_args()

entries = []
for line in wanted.log.read_text().splitlines():
    try:
        entries.append(json.loads(line))
    except ValueError:
        print(line)
summaries = [entry["content"] for entry in entries if entry.get("command") == "summary" and entry["stepID"][0] == "merge"]
builds = [entry for entry in entries if entry.get("command") == "summary" and entry["stepID"][0] == "build"]
merged = summaries[-1] if summaries else ""
problems = []
if (wanted.ended != 0) != (wanted.status != 0):
    problems.append(f"the workflow ended with {wanted.ended}")
if len(builds) != wanted.builds:
    problems.append(f"{len(builds)} builds ran, not {wanted.builds}")
if wanted.says not in merged:
    problems.append(f"the summary of the merge does not say `{wanted.says}`")
if problems:
    for entry in entries:
        print(entry.get("jobID", ""), entry["msg"].rstrip())
print(merged.split("<details>")[0])
for problem in problems:
    print(f"error: {problem}")
print(f"{len(builds)} builds")
sys.exit(bool(problems))
