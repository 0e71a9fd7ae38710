#!/usr/bin/env bash
# Tries the examples of docs/use-the-layer.md with the tools that they are for; see use.py.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=target/ci/use
# The AWS provider of Terraform, described in TypeScript; three of its thousands of files are wanted.
provider=@cdktn/provider-aws@25.7.0
blocks=(data-aws-s3-object data-aws-ssm-parameter lambda-function)

mkdir -p "$folder/provider"
cp .ci/use/package.json .ci/use/package-lock.json "$folder"
npm ci --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" &
install=$!
npm pack --silent --pack-destination "$folder/provider" "$provider" >/dev/null &
pack=$!
[[ -x $folder/venv/bin/pip ]] || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --requirement .ci/requirements/use.txt
wait "$install"
wait "$pack"
tar -C "$folder/provider" -xzf "$folder/provider/"*.tgz "${blocks[@]/#/package/lib/}"
rm "$folder/provider/"*.tgz

"$folder/venv/bin/python" .ci/use.py "$folder"
