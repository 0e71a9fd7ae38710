#!/usr/bin/env bash
# Builds the image of an action, from the Dockerfile that its action.yml names, and pushes it by digest:
#
#   image.sh VARIANT ARCHITECTURE        prints the reference of the image
#
# With DRY_RUN=true the image only goes to the local Docker daemon.
set -euo pipefail
variant=$1 architecture=$2

dockerfile=$(sed -n 's|^ *image: \.\./\([^ ]*\).*|\1|p' "$variant/action.yml")
options=(
    --file "$dockerfile"
    --label "org.opencontainers.image.source=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"
    --label "org.opencontainers.image.revision=$GITHUB_SHA"
    --label "org.opencontainers.image.version=$VERSION"
)
# Amazon's build images have a tag for each architecture.
if grep --quiet '^ARG SAM_TAG' "$dockerfile"; then options+=(--build-arg "SAM_TAG=latest-$architecture"); fi

docker buildx create --driver docker-container --name release --use >/dev/null
if [[ $DRY_RUN == true ]]; then
    reference=$IMAGE:dry-run
    docker buildx build . "${options[@]}" --tag "$reference" --load >&2
else
    docker buildx build . "${options[@]}" --provenance=mode=max --metadata-file "$RUNNER_TEMP/metadata.json" \
        --output "type=image,name=$IMAGE,push-by-digest=true,name-canonical=true,push=true" >&2
    reference=$IMAGE@$(jq --exit-status --raw-output '.["containerimage.digest"]' "$RUNNER_TEMP/metadata.json")
fi
# A runner has 14 GB: the builder, with several GB of caches, goes before the image is pulled.
docker buildx rm release >/dev/null
echo "$reference"
