#!/usr/bin/env bash
# Builds the action's image and runs the self-test workflow on it, with nothing but a package registry:
# a Docker daemon of its own, stand-ins for the base images (images.sh), and `act` for GitHub's runner.
# Needs root. All of its state is in target/ci/container and is deleted at the end.
#
#   container.sh                  with a program that is not optimised, which compiles in half the time
#   PROFILE=dist container.sh     with the one that is shipped
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-quick}
state=$PWD/target/ci/container
run=$(mktemp -d) # short: the path of a socket has 108 bytes at most
daemon=
mirror=
ready=
jobs=()
finish() {
    local status=$?
    trap - EXIT INT TERM
    [[ -z $mirror ]] || kill "$mirror" 2>/dev/null || true
    if [[ -n $daemon ]]; then
        docker ps --quiet | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1 || true
        kill "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    ((status == 0)) || [[ -n $ready ]] || tail -n 20 "$run/dockerd.log" >&2
    umount "$run/exec/netns/default" 2>/dev/null || true
    rm -rf "$run" "$state"
    exit "$status"
}
trap finish EXIT INT TERM
rm -rf "$state"
mkdir -p "$state"

step() { printf '\n-- %s (%d s)\n' "$*" "$SECONDS"; }

step "Docker daemon"
# Builds and containers use the host's network: no bridge, so no firewall rules of the machine are touched.
export DOCKER_HOST=unix://$run/docker.sock
dockerd --data-root "$state/docker" --exec-root "$run/exec" --pidfile "$run/docker.pid" --host "$DOCKER_HOST" \
    --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false >"$run/dockerd.log" 2>&1 &
daemon=$!
for _ in {1..60}; do
    ! docker info >/dev/null 2>&1 || break
    kill -0 "$daemon" || exit 1
    sleep 1
done
docker info --format 'Docker {{.ServerVersion}}, {{.Driver}}'
ready=yes

step "Stand-ins for the base images"
.ci/images.sh "$state/images" | tee "$state/images.txt"
base=$(head -n 1 "$state/images.txt")

step "Image, profile $profile"
# All below is done with a copy, in which the Dockerfiles have this profile: act passes no build arguments.
checkout=$state/checkout
mkdir "$checkout"
git ls-files -z | tar --null --files-from - -c | tar -C "$checkout" -x
sed -i "s/^ARG PROFILE=.*/ARG PROFILE=$profile/" "$checkout"/*Dockerfile
git -C "$checkout" init --quiet
git -C "$checkout" add --all
git -C "$checkout" -c user.name=ci -c user.email=ci@localhost commit --quiet --message checkout
# With act's builder (the old one) and its very context, which comes out of a container: then the
# workflow finds every layer in the cache. The files are those that .dockerignore lets through.
mapfile -t sources < <(echo Dockerfile; echo lite.Dockerfile; sed -n 's/^!//p' .dockerignore)
container=$(docker create "$base")
tar -C "$checkout" --owner=root:0 --group=root:0 -c "${sources[@]}" | docker cp - "$container:/mnt"
build() {
    docker cp "$container:/mnt/." - |
        DOCKER_BUILDKIT=0 docker build --network host --tag "$1" --file "$2" - >"$run/build.log" 2>&1 ||
        { tail -n 60 "$run/build.log" >&2; exit 1; }
}
build lambda-layer:ci Dockerfile
# The program is in the cache by now.
build lambda-layer:lite lite.Dockerfile
docker rm "$container" >/dev/null

step "Program in the image"
container=$(docker create lambda-layer:ci)
docker cp "$container:/usr/local/bin/lambda-layer" "$state/lambda-layer"
docker rm "$container" >/dev/null
.ci/glibc.sh "$state/lambda-layer" "$(sed -n 's/^ARG GLIBC=//p' Dockerfile)"
docker run --rm --network none lambda-layer:ci --version
uv=$(docker run --rm --network none --entrypoint uv lambda-layer:ci --version)
echo "$uv"
[[ $uv == "uv $(sed -n 's/^ARG UV_VERSION=//p' Dockerfile)"* ]]
ls -l "$state/lambda-layer"

step "Small image"
docker run --rm --network none lambda-layer:lite --version
[[ $(docker run --rm --network none --entrypoint uv lambda-layer:lite --version) == "$uv" ]]
# What uv asks of it, and what builds of Python alone want.
docker run --rm --network none --entrypoint python3 lambda-layer:lite -c \
    'import bz2, ctypes, email, lzma, platform, ssl, sys, sysconfig, tarfile, zipfile; print(sys.version)'

step "Sizes of the images"
# The small image is to stay under 50 MB as it is shipped. A program that is not optimised takes 13 MB more.
more=13
[[ $profile != dist ]] || more=0
python3 .ci/image_size.py lambda-layer:lite $((50 + more))
python3 .ci/image_size.py lambda-layer:ci $((60 + more)) "$base"

step "Workflows"
python3 -m venv "$state/act"
"$state/act/bin/pip" install --quiet --no-compile --requirement .ci/requirements/act.txt
# The small image fetches interpreters. Here it gets this machine's from a mirror.
/usr/bin/python3 tests/integration/python_mirror.py "$state/mirror" well >"$run/mirror.log" &
mirror=$!
until [[ -s $run/mirror.log ]]; do kill -0 "$mirror" && sleep 0.1; done
interpreters=http://127.0.0.1:$(sed 's/.* //' "$run/mirror.log")/downloads.json
# act FOLDER WORKFLOW EVENT...: the runner only runs the workflow's shell steps, so any image with bash and Python will do.
act() {
    (cd "$1" && HOME=$run "$state/act/bin/act" "${@:3}" --workflows "$2" --platform ubuntu-24.04="$base" \
        --platform ubuntu-latest="$base" --pull=false --network host --container-daemon-socket - --rm --json \
        --env UV_PYTHON_DOWNLOADS_JSON_URL="$interpreters" 2>&1)
}
selftest() { act "$checkout" .github/workflows/selftest.yml "$@"; }

published() { selftest push | python3 .ci/act.py first second small refused mistake older; }

preview_of_a_fork() { selftest pull_request --job preview --eventpath .ci/pull_request.json | python3 .ci/act.py preview; }

# Plan, builds, merge, in a copy because the jobs share its folder and leave results in it.
matrix() {
    local matrix=$state/matrix example=$state/matrix/examples/layers layer
    run_matrix() {
        local status=0
        rm -rf "$matrix/.matrix/results"
        act "$matrix" .ci/matrix.yml push --bind >"$state/matrix.json" || status=$?
        python3 .ci/matrix.py "$state/matrix.json" "$status" "$@"
    }
    cp -r "$checkout" "$matrix"
    # Of two layers somebody says that they need the images of their Pythons.
    sed -i '/working-directory: settings/a\    native: true' "$example/lambda-layers.yml"
    run_matrix --status 0 --builds 6 --says '6 Lambda layers: 6 published'
    # Nothing changed: no job of the matrix starts.
    run_matrix --status 0 --builds 0 --says '6 Lambda layers: 6 unchanged'
    # One of three layers gets too large. The others are published, and the merge is red.
    sed -i '/working-directory: settings/a\    max-unzipped-size: 1 B' "$example/lambda-layers.yml"
    for layer in names compatibility settings; do echo 'packaging==25.0' >>"$example/$layer/requirements.txt"; done
    run_matrix --status 1 --builds 6 --says '6 Lambda layers: 4 published, 2 refused'
    # The mistake is mended: a new run does only what is missing.
    sed -i '/max-unzipped-size/d' "$example/lambda-layers.yml"
    run_matrix --status 0 --builds 2 --says '6 Lambda layers: 4 unchanged, 2 published'
}

# Side by side: they wait for containers to start, and have no folder in common.
for workflow in published matrix preview_of_a_fork; do
    (set -e; "$workflow") >"$run/$workflow.log" 2>&1 &
    jobs[$!]=$workflow
done
status=0
for job in "${!jobs[@]}"; do
    wait "$job" || status=1
    step "Workflow: ${jobs[$job]//_/ }"
    cat "$run/${jobs[$job]}.log"
done
exit "$status"
