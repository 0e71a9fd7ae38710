#!/bin/sh
# Runs `rustc` so that panic messages and debug information contain no paths of this machine: crates are in the user's
# cargo folder, generated code is in a folder of the build. The last prefix that matches counts.
here=$(pwd -P)
[ "$here" = / ] || set -- "$@" "--remap-path-prefix=$here=."
set -- "$@" "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
[ -z "$OUT_DIR" ] || set -- "$@" "--remap-path-prefix=$OUT_DIR=/out"
exec WRAPPER "$@"
