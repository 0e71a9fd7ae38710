#!/usr/bin/env bash
# Drafts the GitHub release, with all its files: draft.sh FOLDER
#
# A draft may be changed, and is seen by nobody else; what is published may be immutable (a setting of the repository). A draft
# of an earlier try has other files, or only some of them, so it goes.
set -euo pipefail
folder=$1

drafts() {
    gh release list --limit 1000 --json tagName,isDraft |
        jq --raw-output --arg tag "$TAG" '.[] | select(.tagName == $tag and .isDraft) | .tagName'
}
for draft in $(drafts); do gh release delete "$draft" --yes; done

options=(--draft --title "$TAG")
if [[ $TAG == *-* ]]; then options+=(--prerelease); fi
.ci/release/notes.sh "${TAG#v}" | gh release create "$TAG" "${options[@]}" --notes-file - "$folder"/*

there=$(gh release view "$TAG" --json assets --jq '.assets[] | "\(.size) \(.name)"' | sort)
wanted=$(find "$folder" -type f -printf '%s %f\n' | sort)
[[ $there == "$wanted" ]] || { echo "::error::the draft has other files than it should: $there"; exit 1; }
