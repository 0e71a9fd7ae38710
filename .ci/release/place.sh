#!/usr/bin/env bash
# Writes the place of this repository on GitHub into every file that contains the placeholder.
#
#   place.sh acme/lambda-layer-action            replaces the placeholder; commit the result
#   place.sh --check acme/lambda-layer-action    fails if a placeholder, or another place, is left
set -euo pipefail
cd "$(dirname "$0")/../.."

# The brackets keep these lines from finding themselves.
placeholder='OWNER/[l]ambda-layer-action|--owner [O]WNER|^#  *[O]WNER  *the owner of'

if [[ $1 == --check ]]; then
    place=$2
    if files=$(git grep --name-only --extended-regexp -e "$placeholder"); then
        echo "::error::the placeholder for this repository's owner is still in $(wc -l <<<"$files") files, such as \`${files%%$'\n'*}\`"
        echo "hint: run \`bash .ci/release/place.sh $place\`, commit the result, and release that commit"
        exit 1
    fi
    written=$(sed -n 's|^repository = "\(.*\)"|\1|p' Cargo.toml)
    if [[ $written != "${GITHUB_SERVER_URL:-https://github.com}/$place" ]]; then
        echo "::error::\`repository\` in Cargo.toml is \`$written\`, but this repository is \`$place\`"
        echo "hint: replace it in every file (\`git grep --name-only ${written#https://*/}\`), commit the result, and release that commit"
        exit 1
    fi
    exit
fi

place=$1
[[ $place =~ ^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$ ]] || { echo "error: \`$place\` is not of the form \`owner/name\`" >&2; exit 2; }
git grep -z --name-only --extended-regexp -e "$placeholder" | xargs --null --no-run-if-empty sed --in-place \
    -e "s|\(ghcr\\\\*\.io/\)OWNER/[l]ambda-layer-action|\1${place,,}|g" -e "s|OWNER/[l]ambda-layer-action|$place|g" -e "s|--owner [O]WNER|--owner ${place%%/*}|g" -e '/^#  *[O]WNER  *the owner of/d'
