#!/usr/bin/env bash
# Makes stand-ins for the Dockerfile's base images where no image registry can be reached.
#
#   images.sh DIRECTORY
#
# Prints their names, that of the default Python's first.
#
# Each is a Debian of `debootstrap` with what the real image has and the Dockerfile needs, under the
# real image's own name: the Dockerfile itself stays as users get it. Needs root and a Docker daemon.
set -euo pipefail

work=${1:?usage: images.sh DIRECTORY}
root=$(cd "$(dirname "$0")/.." && pwd)
ca=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}

argument() { sed -n "s/^ARG $1=//p" "$root/Dockerfile"; }
newest=$(argument PYTHON_VERSION)

# Builds and runs inside the images trust and ask whatever this machine trusts and asks.
changes=()
for name in SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE CARGO_HTTP_CAINFO; do
    changes+=(--change "ENV $name=/etc/ssl/certs/ca-certificates.crt")
done
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST UV_INDEX_URL UV_DEFAULT_INDEX \
    http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name:-} ]] || changes+=(--change "ENV $name=${!name}")
done

# bootstrap SUITE DIRECTORY PACKAGES
bootstrap() {
    local scripts=/usr/share/debootstrap/scripts
    [[ -e $scripts/$1 ]] || ln -s sid "$scripts/$1" # a suite newer than the tool
    rm -rf "$2"
    debootstrap --variant=minbase --include="$3" "$1" "$2" >"$2.log" 2>&1 || { tail -n 20 "$2.log" >&2; return 1; }
    cp "$ca" "$2/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$2"/var/cache/apt/archives/*.deb "$2"/var/lib/apt/lists/*
    local config
    for config in .cargo/config.toml .config/pip/pip.conf; do
        [[ ! -e $HOME/$config ]] || install -D -m 644 "$HOME/$config" "$2/root/$config"
    done
}

# into DIRECTORY NAME [docker import options]
into() {
    local directory=$1 name=$2
    shift 2
    tar -C "$directory" -c . | docker import "${changes[@]}" "$@" - "$name" >/dev/null
    rm -rf "$directory"
    echo "$name"
}

mkdir -p "$work"

# sam SUITE PYTHON: the SAM build image of one Python, with its PATH and what it compiles with.
sam() {
    local python=$2 sam=$work/sam$2 name
    bootstrap "$1" "$sam" ca-certificates,python3,python3-dev,python3-venv,python3-pip,gcc,libc6-dev,binutils,unzip
    [[ -x $sam/usr/bin/python$python ]] || { echo "$1 has no python$python" >&2; return 1; }
    rm -f "$sam/usr/lib/python$python/EXTERNALLY-MANAGED"
    # What is compiled here is refused if the C library is newer than the runtime's, as every Debian's is:
    # so Python says that it has the runtime's. The self-test looks at what the result needs in truth.
    local glibc
    glibc=$(sed -n "s/^ *- { python: \"$python\",.* glibc: \"\([0-9.]*\)\",.*/\1/p" "$root/data/runtimes.yml")
    rm -f "$sam/usr/lib/python$python/sitecustomize.py" # a link
    printf 'import platform\nplatform.libc_ver = lambda *_: ("glibc", "%s")\n' "$glibc" \
        >"$sam/usr/lib/python$python/sitecustomize.py"
    mkdir -p "$sam/var/lang/bin"
    for name in python python3 "python$python"; do ln -s "/usr/bin/python$python" "$sam/var/lang/bin/$name"; done
    for name in pip pip3; do ln -s /usr/bin/pip3 "$sam/var/lang/bin/$name"; done
    into "$sam" "public.ecr.aws/sam/build-python$python:$(argument SAM_TAG)" \
        --change 'CMD ["/bin/bash"]' --change 'WORKDIR /var/task' \
        --change 'ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/opt/bin'
}

# rust: the Rust image, with the toolchain that this machine builds with, and of it the small image's base.
rust() {
    local rust=$work/rust home=$work/rust/usr/local/rustup/toolchains/stable
    bootstrap bookworm "$rust" ca-certificates,gcc,libc6-dev
    lite "$rust"
    mkdir -p "$home" "$rust/usr/local/cargo"
    tar -C "$(cd "$root" && rustc --print sysroot)" --exclude=./share --exclude='*/doc' -c bin lib | tar -C "$home" -x
    into "$rust" "$(sed -n 's/^FROM \(rust:[^ ]*\) AS .*/\1/p' "$root/Dockerfile")" --change 'ENV CARGO_HOME=/usr/local/cargo' \
        --change 'ENV PATH=/usr/local/rustup/toolchains/stable/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

# lite DEBIAN: what the small image's base is made of, out of the files of the same packages in full.
lite() {
    local lite=$work/lite package path name
    for package in base-files ca-certificates libc6 libgcc-s1 libgomp1 libssl3 libstdc++6 tzdata; do
        cat "$1/var/lib/dpkg/info/$package".list "$1/var/lib/dpkg/info/$package":*.list 2>/dev/null || true
    done | sed 's#^/\(bin\|sbin\|lib\|lib64\)/#/usr/\1/#' | sort -u | while read -r path; do
        [[ -d $1$path && ! -L $1$path ]] || [[ ! -e $1$path && ! -L $1$path ]] || echo ".$path"
    done >"$lite.files"
    mkdir "$lite"
    tar -C "$1" --files-from "$lite.files" -c ./etc/passwd ./etc/group ./etc/nsswitch.conf ./etc/ssl/certs/ca-certificates.crt |
        tar -C "$lite" -x
    for name in lib lib64; do [[ -e $lite/$name ]] || ln -s "usr/$name" "$lite/$name"; done
    mkdir -p -m 1777 "$lite/tmp"
    into "$lite" "$(sed -n 's/^FROM \(gcr.io[^ ]*\)$/\1/p' "$root/lite.Dockerfile")" \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

# Side by side: each waits for a mirror most of the time. Of each suite the Python that it has: the newest, and an older
# one for the action of its own.
jobs=()
for image in "sam forky $newest" "sam bookworm 3.11" rust; do
    (set -e; $image) >"$work/names.${#jobs[@]}" &
    jobs+=($!)
done
status=0
for job in "${jobs[@]}"; do wait "$job" || status=1; done
((status == 0)) || exit 1
cat "$work"/names.*
