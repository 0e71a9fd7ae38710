#!/usr/bin/env bash
# Pushes the tag of the release, and moves the one of its major version along, unless a newer one of that has it: both or none.
#
# The release's own tag is only ever created. The major tag moves only from where it was seen to be.
set -euo pipefail

gh auth setup-git
refs=("HEAD:refs/tags/$TAG")
options=(--atomic)
if [[ $NEWEST_OF_MAJOR == true ]]; then
    before=$(git ls-remote origin "refs/tags/$MAJOR" | cut --fields=1)
    refs+=("HEAD:refs/tags/$MAJOR")
    options+=("--force-with-lease=refs/tags/$MAJOR:$before")
fi
git push "${options[@]}" origin "${refs[@]}"
