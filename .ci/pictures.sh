#!/usr/bin/env bash
# Takes the pictures of comment, job summary and report page anew that README and docs show, from what the program writes:
#
#   .ci/pictures.sh        with the program and the tools that `cargo test -- aws::` leaves in target/
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v npm >/dev/null || missing+=(npm)
# GitHub's fonts on Linux.
for font in 'Noto Sans:fonts-noto-core' 'Noto Color Emoji:fonts-noto-color-emoji' 'Liberation Mono:fonts-liberation'; do
    fc-list 2>/dev/null | grep --quiet "${font%:*}" || missing+=("${font#*:}")
done
if ((${#missing[@]})); then
    apt-get update --quiet --quiet
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet --no-install-recommends "${missing[@]}" >/dev/null
fi

export PAGE_FOLDER=$PWD/target/ci/page
mkdir -p "$PAGE_FOLDER"
npm install --silent --no-audit --no-fund --no-save --prefix "$PAGE_FOLDER" \
    playwright-core@1.65.1 axe-core@4 marked@18.2.1 github-markdown-css@5.9.0 sharp@0.35.5

node tests/page/pictures.mjs
ls -l docs/pictures
