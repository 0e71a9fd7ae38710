#!/usr/bin/env bash
# Packs and installs the program of the tests as a release does with its own, and looks at what the crate would contain.
#
#   packages.sh     after `cargo test --no-run`
set -euo pipefail
cd "$(dirname "$0")/.."

python3 .ci/crate.py

tools=$PWD/target/ci/install
packages=$PWD/target/ci/packages
[[ -x $tools/bin/pip ]] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --no-compile --requirement .ci/requirements/install.txt
rm -rf "$packages"
mkdir -p "$packages/bin"

# Without what debuggers want, it is a third as large.
strip -o "$packages/lambda-layer" target/debug/lambda-layer

# maturin would compile the program again, because the tests' dependencies have more features: five minutes. Its `cargo` is
# a stand-in, which says that the program is compiled, in cargo's own words.
cargo test --locked --no-run --quiet --message-format json |
    python3 .ci/compiled.py "$packages/lambda-layer" >"$packages/compiled.json"
cat >"$packages/bin/cargo" <<END
#!/bin/sh
case \$1 in
rustc) exec cat '$packages/compiled.json' ;;
*) exec '$(command -v cargo)' "\$@" ;;
esac
END
chmod +x "$packages/bin/cargo"
(
    cd wheel
    CARGO=$packages/bin/cargo PATH=$packages/bin:$tools/bin:$PATH SOURCE_DATE_EPOCH=315532800 \
        maturin build --quiet --locked --profile dev --out "$packages/wheel"
)

target=$(rustc --version --verbose | sed -n 's/^host: //p')
python3 .ci/archive.py "$packages/lambda-layer" "$target" "$packages/archive"
bash .ci/install.sh "$target" "$packages/archive" "$packages/wheel"
