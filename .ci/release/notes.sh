#!/usr/bin/env bash
# Prints what CHANGELOG.md has about a version: notes.sh 1.2.3
set -euo pipefail
awk -v heading="## [$1]" '
    /^## \[/ { inside = index($0, heading) == 1; next }
    inside && (found || NF) { found = 1; print }
' CHANGELOG.md
