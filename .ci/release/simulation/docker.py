"""`docker`: a registry that keeps manifests by digest and moves tags, and that strangers may read or not."""

import hashlib
import json
import uuid
from pathlib import Path

from world import Call, Refused, World


def docker(world: World, call: Call) -> str:
    match call.arguments[:3]:
        case ["login", *_]:
            call.docker_config.mkdir(parents=True, exist_ok=True)
            (call.docker_config / "config.json").write_text(call.stdin)
        case ["buildx", "create" | "rm", *_]:
            pass
        case ["buildx", "build", *_]:
            build(world, call)
        case ["buildx", "imagetools", "create"]:
            create(world, call)
        case ["buildx", "imagetools", "inspect"]:
            return readable(world, call, call.arguments[3])
        case ["pull", "--quiet", reference]:
            readable(world, call, reference)
        case ["run", "--rm", reference]:
            return run(world, call, reference)
        case other:
            raise Refused(f"this stand-in does not know `docker {' '.join(other)}`")
    return ""


def is_logged_in(call: Call) -> bool:
    return (call.docker_config / "config.json").exists()


def readable(world: World, call: Call, reference: str) -> str:
    """The digest behind a reference, if whoever asks may read it."""
    if not world.is_public and not is_logged_in(call):
        raise Refused(f"{reference}: denied")
    name, _, digest = reference.partition("@")
    digest = digest or world.image_tags.get(name, "")
    if digest not in world.manifests:
        raise Refused(f"{reference}: not found")
    return digest


def pushed(world: World, call: Call, manifest: dict) -> str:
    call.needs_permission("packages", "write")
    if not is_logged_in(call):
        raise Refused("pushing without having logged in")
    digest = "sha256:" + hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    world.manifests[digest] = manifest
    return digest


def build(world: World, call: Call) -> None:
    given = call.arguments
    labels = dict(value.split("=", 1) for before, value in zip(given, given[1:], strict=False) if before == "--label")
    # No build is like another.
    built = uuid.uuid4().hex
    image = {"dockerfile": call.option("--file"), "architecture": call.architecture, "labels": labels, "built": built}
    if "--load" in given:
        (call.home / "image").write_text(json.dumps(image))
        return
    if "push-by-digest=true" not in call.option("--output"):
        raise Refused("an image is only pushed by its digest")
    kind = world.begin("docker buildx build")
    digest = pushed(world, call, image)
    world.end(kind)
    Path(call.option("--metadata-file")).write_text(json.dumps({"containerimage.digest": digest}))


def create(world: World, call: Call) -> None:
    tag = call.option("--tag")
    kind = world.begin(f"docker buildx imagetools create, by {'commit' if len(call.arguments) > 6 else 'version'}")
    sources = [readable(world, call, source) for source in call.arguments[call.arguments.index("--tag") + 2 :]]
    # A single index is copied as it is.
    same = len(sources) == 1 and "images" in world.manifests[sources[0]]
    world.image_tags[tag] = pushed(world, call, world.manifests[sources[0]] if same else {"images": sources})
    world.end(kind)


def run(world: World, call: Call, reference: str) -> str:
    local = call.home / "image"
    image = json.loads(local.read_text()) if local.exists() else world.manifests[readable(world, call, reference)]
    if image["architecture"] != call.architecture:
        raise Refused("exec format error")
    return "lambda-layer " + image["labels"]["org.opencontainers.image.version"]
