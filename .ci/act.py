"""Prints the log of `act --json`, and checks the summaries of the steps that are named.

Only here: a workflow cannot read the summaries of its other steps.
"""

import json
import sys

EXPECTED = {
    "first": ":layer:selftest:1",  # published: the ARN
    "second": ":layer:selftest:1",  # unchanged: the same ARN
    "small": ":layer:selftest-small:1",  # published from the small image
    "refused": "python3.11",  # what it has no compiler for: the image that has one
    "mistake": "not valid!",  # refused: the value
    "older": "docopt",  # built: what is in the layer
    "preview": "selftest-preview",  # what the pull request of a fork cannot be told in a comment
}

summaries: dict[str, str] = {}
for line in sys.stdin:
    try:
        entry = json.loads(line)
    except ValueError:
        print(line, end="")
        continue
    print(entry["msg"].rstrip())
    if entry.get("command") == "summary":
        summaries[entry["stepID"][0]] = entry["content"]

missing = [step for step in sys.argv[1:] if EXPECTED[step] not in summaries.get(step, "")]
for step in missing:
    print(f"error: the summary of the step `{step}` does not have `{EXPECTED[step]}`: {summaries.get(step)}")
if not missing:
    print("The summaries of all steps have what they must.")
sys.exit(bool(missing))
