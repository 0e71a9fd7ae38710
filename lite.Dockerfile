# Generated from Dockerfile: UPDATE_GENERATED=1 cargo test generated
#
# The image of the action in lite/: the program alone, for all that needs no Python.

FROM rust:1.95.0-slim-bookworm AS tools
# The distribution's own version is the pin: it is fixed by the name of the image above.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /tools
ENV PATH=/tools/bin:$PATH

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

# A released image is pinned by its own digest, with the digest of this base in its provenance. Glibc, certificates,
# and no shell.
# hadolint ignore=DL3007
FROM gcr.io/distroless/cc-debian12:latest
LABEL org.opencontainers.image.title="lambda-layer lite" \
      org.opencontainers.image.description="Plans, merges, shares, labels, attaches, cleans up and releases AWS Lambda layers; builds none" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/lambda-layer /usr/local/bin/lambda-layer
# The program refuses here what needs a Python.
ENV LAMBDA_LAYER_LITE=1
# No USER and no WORKDIR: Actions runs it as root in the workspace that it mounts.
ENTRYPOINT ["/usr/local/bin/lambda-layer"]
