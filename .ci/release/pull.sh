#!/usr/bin/env bash
# Pulls an image as a stranger would, without logging in, and starts the program in it: pull.sh REFERENCE
set -euo pipefail
reference=$1

if [[ $DRY_RUN != true ]] && ! DOCKER_CONFIG=$(mktemp -d) docker pull --quiet "$reference"; then
    echo "::error::$reference cannot be pulled without logging in"
    echo "hint: GitHub makes a new package private. On the package's page, under \"Package settings\", set \"Change visibility\" to"
    echo "hint: public, which an organisation may have to allow first. Then choose \"Re-run failed jobs\" here."
    exit 1
fi
says=$(docker run --rm "$reference" --version)
[[ $says == "lambda-layer $VERSION" ]] || { echo "::error::the program in $reference is \`$says\`, not $VERSION"; exit 1; }
