#!/usr/bin/env bash
# Installs a packed program in each way that the README names, and builds the layer of the quick start with each: every way
# must give the same bytes.
#
#   install.sh TARGET ARCHIVES WHEELS     two folders: of the archive with its checksum, and of the wheel
#
# Runs on Linux and macOS, whose bash is from 2007.
set -euo pipefail

target=${1:?usage: install.sh TARGET ARCHIVES WHEELS}
archives=$(cd "$2" && pwd)
wheel=$(cd "$3" && ls "$PWD"/*.whl)
cd "$(dirname "$0")/.."

tools=$PWD/target/ci/install
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-compile --disable-pip-version-check --requirement .ci/requirements/install.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The Python that is there, if Lambda has it, so that the layers get bytecode.
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
grep --quiet "python: \"$python\"" data/runtimes.yml || python=3.13
cp -R examples/quickstart "$work/quickstart"

checksums() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
first=
# try NAME COMMAND...: it starts, has the right version, and builds the layer that all others built.
try() {
    local name=$1 said layer
    shift
    said=$("$@" --version)
    [[ $said == "lambda-layer $version" ]] || { echo "error: $name: it says \`$said\`, not \`lambda-layer $version\`" >&2; exit 1; }
    "$@" build --working-directory "$work/quickstart" --python-version "$python" --output "$work/$name.zip" \
        >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "error: $name: cannot build" >&2; exit 1; }
    layer=$(checksums <"$work/$name.zip")
    first=${first:-$layer}
    [[ $layer == "$first" ]] || { echo "error: $name: built another layer than the others" >&2; exit 1; }
    echo "$name: $said, sha256 of the layer ${layer%% *} ($SECONDS s)"
}

# As the documentation says: check, unpack, run.
(cd "$archives" && checksums --check "lambda-layer-$target.tar.gz.sha256")
mkdir "$work/archive"
tar -xzf "$archives/lambda-layer-$target.tar.gz" -C "$work/archive"
case $target in
*-musl)
    if readelf --program-headers --wide "$work/archive/lambda-layer" | grep INTERP; then
        echo "error: the program needs a dynamic linker, so it is not static" >&2
        exit 1
    fi
    ;;
esac
# With no uv on PATH it installs one with pip.
try archive env XDG_CACHE_HOME="$work/cache" "$work/archive/lambda-layer"

PATH=$tools/bin:$PATH
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
cmp "$work/archive/lambda-layer" "$work/venv/bin/lambda-layer"
try pip "$work/venv/bin/lambda-layer"
try activated env VIRTUAL_ENV="$work/venv" PATH="$work/venv/bin:$PATH" lambda-layer
# By the package's name, as `uvx lambda-layer-action` does.
try uvx uvx --quiet --from "$wheel" lambda-layer-action
try pipx env PIPX_HOME="$work/pipx" pipx run --quiet --spec "$wheel" lambda-layer-action
# Through a link in a folder of commands.
try tool env UV_TOOL_DIR="$work/tools" UV_TOOL_BIN_DIR="$work/bin" sh -c \
    'uv tool install --quiet "$0" && exec "$UV_TOOL_BIN_DIR/lambda-layer-action" "$@"' "$wheel"
