"""Releases and their files, for `github_server.py`."""

import hashlib
import re
import urllib.parse

REPOSITORY = "/repos/acme/layers"


def reply(handler, path, query, body, world, example, page):
    """Status, answer and headers; `None` for a request of something else."""
    releases = world.setdefault("releases", [])
    if path == f"{REPOSITORY}/releases":
        if handler.command == "POST":
            if any(known["tag_name"] == body["tag_name"] and not known["draft"] for known in releases):
                failed = {"resource": "Release", "code": "already_exists", "field": "tag_name"}
                return 422, {"message": "Validation Failed", "errors": [failed], "documentation_url": "https://docs.github.com/rest"}, ()
            new = {"assets": [], **body, "id": 1 + max((known["id"] for known in releases), default=0)}
            releases.insert(0, new)
            return 201, shown(new, handler, example), ()
        return page([shown(release, handler, example) for release in releases], handler, query)
    if found := re.fullmatch(f"{REPOSITORY}/releases/tags/([^/]+)", path):
        tag = urllib.parse.unquote(found[1])
        # Drafts have no tag yet.
        known = [release for release in releases if release["tag_name"] == tag and not release["draft"]]
        return (200, shown(known[0], handler, example), ()) if known else None
    if found := re.fullmatch(f"{REPOSITORY}/releases/(\\d+)", path):
        release = next((known for known in releases if known["id"] == int(found[1])), None)
        if release and handler.command == "PATCH":
            release.update(body)
        return (200, shown(release, handler, example), ()) if release else None
    if found := re.fullmatch(f"{REPOSITORY}/releases/(\\d+)/assets", path):
        release = next((known for known in releases if known["id"] == int(found[1])), None)
        name = dict(urllib.parse.parse_qsl(query))["name"]
        if not release:
            return None
        if any(asset["name"] == name for asset in release["assets"]):
            failed = {"resource": "ReleaseAsset", "code": "already_exists", "field": "name"}
            return 422, {"message": "Validation Failed", "errors": [failed], "documentation_url": "https://docs.github.com/rest"}, ()
        new = {
            "id": 1 + max((asset["id"] for known in releases for asset in known["assets"]), default=0),
            "name": name,
            "size": len(body),
            "state": "uploaded",
            "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
        }
        release["assets"].append(new)
        return 201, asset_shown(new, example), ()
    if found := re.fullmatch(f"{REPOSITORY}/releases/assets/(\\d+)", path):
        for release in releases:
            for asset in release["assets"]:
                if asset["id"] == int(found[1]) and handler.command == "DELETE":
                    release["assets"].remove(asset)
                    return 204, None, ()
    return None


def shown(release, handler, example):
    host, identifier = handler.headers["host"], release["id"]
    told = example("release")
    told.update({key: release[key] for key in ("id", "tag_name", "body", "draft")})
    told["name"] = release.get("name", release["tag_name"])
    told["html_url"] = f"https://github.com/acme/layers/releases/tag/{release['tag_name']}"
    told["upload_url"] = f"http://{host}{REPOSITORY}/releases/{identifier}/assets{{?name,label}}"
    told["assets"] = [asset_shown(asset, example) for asset in release["assets"]]
    return told


def asset_shown(asset, example):
    return {**example("release-asset"), **asset}
