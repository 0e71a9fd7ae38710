#!/usr/bin/env bash
# Fails unless the newest run of each workflow for this very commit is green: green.sh ci.yml selftest.yml
set -euo pipefail

for workflow; do
    run=$(gh run list --workflow "$workflow" --commit "$GITHUB_SHA" --event push --limit 1 --json status,conclusion,url)
    state=$(jq --raw-output 'if length == 0 then "missing" elif .[0].status != "completed" then .[0].status else .[0].conclusion end' <<<"$run")
    if [[ $state != success ]]; then
        echo "::error::$workflow is not green for $GITHUB_SHA: $state $(jq --raw-output '.[0].url // ""' <<<"$run")"
        echo "hint: wait until it has passed, or release a commit for which it has; it runs for each push to main and stable/*"
        exit 1
    fi
done
