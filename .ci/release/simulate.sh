#!/usr/bin/env bash
# Runs the release workflow in a simulation, with failures after each of its steps: see simulation/run.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=target/ci/release
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-compile --requirement .ci/requirements/release.txt
exec "$tools/bin/python" -B .ci/release/simulation/run.py "$@"
