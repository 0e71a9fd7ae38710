#!/usr/bin/env bash
# Completes a release whose tag is pushed: names its images by version, and publishes the draft. Can run any number of times.
set -euo pipefail

git fetch --quiet --depth 1 origin "refs/tags/$TAG"
for variant in $(jq --raw-output '.[]' <<<"$VARIANTS"); do
    digest=$(git show "FETCH_HEAD:$variant/action.yml" | sed -n 's|^ *image: docker://[^@]*@\(sha256:[0-9a-f]*\).*|\1|p')
    docker buildx imagetools create --tag "$IMAGE:$VERSION-$variant" "$IMAGE@$digest"
done

state=$(gh release list --limit 1000 --json tagName,isDraft |
    jq --raw-output --arg tag "$TAG" '[.[] | select(.tagName == $tag)] | if length == 1 then .[0].isDraft else length end')
case $state in
    true) gh release edit "$TAG" --verify-tag --draft=false --latest="$NEWEST" ;;
    false) echo "$TAG is published" ;;
    *)
        echo "::error::there are $state releases of $TAG, not one"
        echo "hint: if its draft was deleted, make the release by hand with the files of this run: \`gh release create $TAG --verify-tag\`"
        exit 1
        ;;
esac
