#!/usr/bin/env bash
# Builds the action's image and runs the self-test workflow on it, with nothing but a package registry:
# a Docker daemon of its own, stand-ins for the base images (images.sh), and `act` for GitHub's runner.
# Needs root. All of its state is in target/ci/container and is deleted at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

state=$PWD/target/ci/container
run=$(mktemp -d) # short: the path of a socket has 108 bytes at most
daemon=
ready=
finish() {
    local status=$?
    trap - EXIT INT TERM
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

step "Image"
# With act's builder (the old one) and its very context, which comes out of a container: then the
# workflow finds every layer in the cache. The files are those that .dockerignore lets through.
mapfile -t sources < <(echo Dockerfile; sed -n 's/^!//p' .dockerignore)
container=$(docker create "$base")
tar --owner=root:0 --group=root:0 -c "${sources[@]}" | docker cp - "$container:/mnt"
docker cp "$container:/mnt/." - | DOCKER_BUILDKIT=0 docker build --network host --tag lambda-layer:ci - >"$run/build.log" 2>&1 ||
    { tail -n 60 "$run/build.log" >&2; exit 1; }
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

step "Workflow"
python3 -m venv "$state/act"
"$state/act/bin/pip" install --quiet --requirement .ci/requirements/act.txt
# The runner only runs the workflow's shell steps: any image with bash and Python will do.
act() {
    HOME=$run "$state/act/bin/act" "$@" --workflows .github/workflows/selftest.yml --platform ubuntu-24.04="$base" \
        --pull=false --network host --container-daemon-socket - --rm --json 2>&1
}
act push | python3 .ci/act.py first second mistake older

step "Workflow on a pull request of a fork"
act pull_request --job preview --eventpath .ci/pull_request.json | python3 .ci/act.py preview
