#!/usr/bin/env bash
# Prints what a release of the checked-out commit is, as outputs of a step:
#
#   version, tag, major     1.2.3, v1.2.3, v1
#   image                   where its images are: ghcr.io/acme/lambda-layer-action
#   variants                the folders that have an action, each with an image of its own, as JSON: ["lite", "python3.14"]
#   tagged                  whether an earlier try has already pushed the tag: from then on it is only completed
#   newest, newest-of-major whether no higher version is released; pre-releases never are
#
# Fails if this version belongs to another commit, cannot be released from this branch, or has no entry in the changelog.
set -euo pipefail

refuse() {
    echo "::error::$1" >&2
    echo "hint: $2" >&2
    exit 1
}

version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[[ $version =~ ^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$ ]] ||
    refuse "\`$version\` in Cargo.toml is not a version" 'write it as `1.2.3`, or `1.2.3-rc.1` for a pre-release'
tag=v$version
major=v${version%%.*}

case $GITHUB_REF in
    refs/heads/main) ;;
    refs/heads/stable/*)
        line=${GITHUB_REF#refs/heads/stable/}
        [[ $version == "$line".* ]] || refuse "the branch \`stable/$line\` cannot release $version" "it is for patches of $line"
        ;;
    *) refuse "\`$GITHUB_REF\` is not a branch for releases" 'run this workflow on `main`, or on `stable/1.2` for a patch of 1.2' ;;
esac

# What people read is written before the release.
heading="## [$version] - $(date --utc +%F)"
[[ -n $(.ci/release/notes.sh "$version") ]] ||
    refuse "CHANGELOG.md has nothing about $version" "write what changed, under the heading \`$heading\`"
grep --quiet --extended-regexp "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}\$" CHANGELOG.md ||
    refuse "CHANGELOG.md has no date for $version" "write the heading as \`$heading\`"

gh auth setup-git
tags=$(git ls-remote --tags origin 'refs/tags/v*' | sed 's|.*refs/tags/||')
tagged=false
if grep --quiet --line-regexp --fixed-strings -e "$tag" <<<"$tags"; then
    tagged=true
    git fetch --quiet --depth 1 origin "refs/tags/$tag"
    parent=$(git cat-file -p FETCH_HEAD | sed -n 's/^parent //p')
    [[ $parent == "$GITHUB_SHA" ]] ||
        refuse "$tag was released from another commit ($parent)" \
            'raise the version in Cargo.toml; if that release is not complete, run the failed jobs of its own run again'
fi

# Whether no higher version is released, of those that match.
is_newest() {
    local highest
    # There may be none.
    highest=$(grep --line-regexp --extended-regexp "$1" <<<"$tags"$'\n'"$tag" | sort --version-sort | tail -n 1) || true
    if [[ $highest == "$tag" ]]; then echo true; else echo false; fi
}

variants=$(git ls-files '*/action.yml' | sed -n 's|^\([^/]*\)/action.yml$|\1|p' | jq --raw-input . | jq --slurp --compact-output .)
cat <<END
version=$version
tag=$tag
major=$major
image=$REGISTRY/${GITHUB_REPOSITORY,,}
variants=$variants
tagged=$tagged
newest=$(is_newest 'v[0-9]+\.[0-9]+\.[0-9]+')
newest-of-major=$(is_newest "$major\.[0-9]+\.[0-9]+")
END
