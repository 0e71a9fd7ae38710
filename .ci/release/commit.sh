#!/usr/bin/env bash
# Makes the release commit, on top of the checked-out one: each action.yml names its image by digest.
#
#   commit.sh DIGESTS      a folder that has the digest of each image in a file named after its variant
#
# GitHub refuses a tag from GITHUB_TOKEN if the workflows of its commit differ from those of every branch, which they do
# as soon as `main` moves on, and no `permissions:` can allow it. So this commit has none; nobody who uses an action needs them.
# The same digests make the same commit: its dates are those of the commit below it.
set -euo pipefail
digests=$1

# The Dockerfile that an action is built from, seen from the root.
dockerfile() { sed -n 's|^ *image: \(\.\./\)\?\([^ ]*\).*|\2|p' "$1"; }

root=$(dockerfile action.yml)
declare -A digest
for action in */action.yml; do
    variant=${action%/action.yml}
    digest[$action]="$(<"$digests/$variant") $variant"
    # The action at the root has the image of the variant with the same Dockerfile.
    if [[ $(dockerfile "$action") == "$root" ]]; then digest[action.yml]=${digest[$action]}; fi
done
for action in action.yml */action.yml; do
    read -r sha variant <<<"${digest[$action]}"
    [[ $sha =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "::error::\`$sha\` is not the digest of an image, for $variant"; exit 1; }
    sed --in-place "s|^\( *image:\) .*|\1 docker://$IMAGE@$sha # $TAG, $variant|" "$action"
    grep --quiet --fixed-strings "$IMAGE@$sha" "$action"
done

git rm --quiet -r .github/workflows
date=$(git log -1 --format=%cI)
export GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date
export GIT_AUTHOR_NAME='github-actions[bot]' GIT_AUTHOR_EMAIL='41898282+github-actions[bot]@users.noreply.github.com'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
git commit --quiet --all --message "Release $TAG: the actions use the published images"
git show --stat --format=fuller HEAD
