# The action's image: the program inside Amazon's own build image for one Python version.
#
# Only instructions that every builder knows, so no `RUN --mount` and no TARGETARCH:
# self-hosted runners and local runners of workflows still use the old ones.

# The default of `python-version`. Any other supported one: --build-arg PYTHON_VERSION=3.12
ARG PYTHON_VERSION=3.14
# `latest` serves both architectures; `latest-x86_64` and `latest-arm64` name one of them.
ARG SAM_TAG=latest

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

# A released image is pinned by its own digest, with the digest of this base in its provenance.
# hadolint ignore=DL3007
FROM public.ecr.aws/sam/build-python${PYTHON_VERSION}:${SAM_TAG}
ARG PYTHON_VERSION
LABEL org.opencontainers.image.title="lambda-layer" \
      org.opencontainers.image.description="Builds AWS Lambda layers for Python and publishes them when something changed" \
      org.opencontainers.image.licenses="Apache-2.0"
# Before everything else on PATH: the base image has a uv of its own, of any version.
COPY --from=uv /uv/bin/uv /usr/local/lib/lambda-layer/uv
COPY --from=build /usr/local/bin/lambda-layer /usr/local/bin/lambda-layer
# The base image also has a Python that uv fetched for AWS SAM; it is not the one of the layer.
# Layers that name no Python are for the one of the image.
ENV PATH=/usr/local/lib/lambda-layer:$PATH \
    LAMBDA_LAYER_PYTHON_VERSION=$PYTHON_VERSION \
    UV_PYTHON_PREFERENCE=system
# No USER and no WORKDIR: Actions runs it as root in the workspace that it mounts.
# No shell either: a shell would drop the inputs whose names have a hyphen.
ENTRYPOINT ["/usr/local/bin/lambda-layer"]
