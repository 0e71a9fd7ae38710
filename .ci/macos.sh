#!/usr/bin/env bash
# Checks on Linux that the program compiles for macOS without warnings. Two minutes, for what ci.yml does on macOS itself, so
# `.ci/run` leaves it to that.
set -euo pipefail
cd "$(dirname "$0")/.."

target=aarch64-apple-darwin
if ! rustup target list --installed | grep --quiet "^$target\$" && ! rustup target add "$target"; then
    echo "SKIPPED: Rust's standard library for $target cannot be downloaded here; the job \`macos\` of ci.yml checks it" >&2
    exit 0
fi
# Build scripts compile C for the target.
tools=$PWD/target/ci/macos
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-compile --disable-pip-version-check --requirement .ci/requirements/zig.txt
unset RUSTC_WORKSPACE_WRAPPER
PATH=$tools/bin:$PATH RUSTFLAGS='-D warnings' \
    cargo-zigbuild check --locked --lib --bins --target "$target" --target-dir "$tools/target"
