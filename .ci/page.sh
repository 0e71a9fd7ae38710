#!/usr/bin/env bash
# Opens the report pages that the real program writes in a real browser. Screenshots end up in target/ci/page.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium fonts-liberation)
command -v npm >/dev/null || missing+=(npm)
if ((${#missing[@]})); then
    apt-get update --quiet --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >/dev/null
fi

export PAGE_FOLDER=$PWD/target/ci/page
mkdir -p "$PAGE_FOLDER"
# Neither brings a browser.
npm install --silent --no-audit --no-fund --no-save --prefix "$PAGE_FOLDER" playwright-core@1.65.1 axe-core@4

# What the tests ran: `cargo build` would compile the dependencies again, without the features that tests ask for.
cargo test --locked --no-run --quiet
node --test --test-reporter=spec tests/page/page.test.mjs
