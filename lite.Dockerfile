# Generated from Dockerfile: UPDATE_GENERATED=1 cargo test generated
#
# The image of the action in lite/: the program, uv and a small Python. It builds what wheels can give.

FROM rust:1.95.0-slim-bookworm AS tools
# The distribution's own version is the pin: it is fixed by the name of the image above.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /tools
ENV PATH=/tools/bin:$PATH

FROM tools AS uv
ARG UV_VERSION=0.13.8
RUN pip install --no-cache-dir --no-deps --only-binary :all: --target /uv "uv==${UV_VERSION}"

FROM tools AS python
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# uv wants a Python to start with, of whatever version, and projects of Python alone are built with it. That of a layer is
# another one, which uv fetches. So this one is without modules whose libraries nothing else here needs. What it imports
# each time is compiled.
RUN version="$(basename "$(readlink --canonicalize /usr/bin/python3)")" \
    && mkdir --parents /python/bin /python/lib \
    && cp "/usr/bin/${version}" /python/bin/python3 \
    && cp --recursive "/usr/lib/${version}" /python/lib/ \
    && rm --recursive --force /python/lib/*/__pycache__ /python/lib/*/*/__pycache__ /python/lib/*/config-* /python/lib/*/ensurepip \
        /python/lib/*/lib2to3 /python/lib/*/pydoc_data /python/lib/*/EXTERNALLY-MANAGED /python/lib/*/sitecustomize.py \
        /python/lib/*/lib-dynload/_curses* /python/lib/*/lib-dynload/_dbm* /python/lib/*/lib-dynload/_sqlite3* \
        /python/lib/*/lib-dynload/nis* /python/lib/*/lib-dynload/readline* \
    && ldd /python/bin/python3 /python/lib/*/lib-dynload/*.so | sed --quiet 's/.* => \([^ ]*\) .*/\1/p' | sort --unique \
        | sed '/\/lib\(c\|m\|crypto\|ssl\)\.so/d' | xargs cp --dereference --target-directory /python/lib \
    && /python/bin/python3 -I -c 'import email, importlib.util, json, platform, struct, sysconfig, tarfile, zipfile'

FROM tools AS build
ARG CARGO_ZIGBUILD_VERSION=0.24.0
ARG ZIGLANG_VERSION=0.17.0
# Zig links against the glibc of the oldest Lambda Python (Amazon Linux 2), whatever this image has.
ARG GLIBC=2.26
RUN pip install --no-cache-dir --no-deps --only-binary :all: \
    "cargo-zigbuild==${CARGO_ZIGBUILD_VERSION}" "ziglang==${ZIGLANG_VERSION}"
# `dist` is what is shipped; `release` compiles faster and is larger.
ARG PROFILE=dist
WORKDIR /build
# The dependencies on their own first: a change of our sources does not compile them again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/integration \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cp src/main.rs tests/integration/ \
    && cargo zigbuild --locked --profile "${PROFILE}" --bin lambda-layer --target "$(uname -m)-unknown-linux-gnu.${GLIBC}"
COPY data data
COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo zigbuild --locked --profile "${PROFILE}" --bin lambda-layer --target "$(uname -m)-unknown-linux-gnu.${GLIBC}" \
    && cp "target/$(uname -m)-unknown-linux-gnu/${PROFILE}/lambda-layer" /usr/local/bin/

# A released image is pinned by its own digest, with the digest of this base in its provenance. Glibc, the libraries of C++,
# certificates, and no shell.
# hadolint ignore=DL3007
FROM gcr.io/distroless/cc-debian12:latest
LABEL org.opencontainers.image.title="lambda-layer lite" \
      org.opencontainers.image.description="Builds AWS Lambda layers for Python from wheels, publishes them and manages their versions" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=python /python /usr
COPY --from=uv /uv/bin/uv /usr/local/bin/uv
COPY --from=build /usr/local/bin/lambda-layer /usr/local/bin/lambda-layer
# No USER and no WORKDIR: Actions runs it as root in the workspace that it mounts.
ENTRYPOINT ["/usr/local/bin/lambda-layer"]
