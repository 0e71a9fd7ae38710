#!/bin/sh
# Runs `rustc` so that panics and debug information name no place of this machine: crates are in the user's folder of
# cargo, and the code that they generate in a folder of the build. The last place that fits counts.
here=$(pwd -P)
[ "$here" = / ] || set -- "$@" "--remap-path-prefix=$here=."
set -- "$@" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
[ -z "$OUT_DIR" ] || set -- "$@" "--remap-path-prefix=$OUT_DIR=/out"
exec WRAPPER "$@"
