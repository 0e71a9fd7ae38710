"""Says which lines of a requirement file are meant for a target: those of the export of a lock file.

Each line of standard input is a question in JSON: `requirements`, the `folder` that their paths start from, and the
`environment` that decides markers. The answer is a line, too: `found` is a list of what is left, with `name`, `version` (or
none), `url` (or none), `hashes`; or it has the `problem`.
"""

import json
import pathlib
import re
import sys
import traceback
import urllib.parse

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.markers import Marker


def read(line, folder):
    hashes = re.findall(r"--hash[= ]sha256:([0-9a-f]+)", line)
    line = re.sub(r"\s--hash[= ]\S+", "", line)
    line, is_editable = re.subn(r"^(-e|--editable)[ =]\s*", "", line.strip())
    if is_editable or re.match(r"(\.|/|file:|git\+|https?:)", line):
        place, _, marker = line.partition(" ;") if " ;" in line else line.partition("; ")
        marker = Marker(marker.strip()) if marker.strip() else None
        return name_of(place.strip(), folder), None, place.strip(), hashes, marker
    requirement = Requirement(line)
    version = re.fullmatch(r"===?([^,*]+)", str(requirement.specifier))
    return requirement.name, version and version.group(1), requirement.url, hashes, requirement.marker


def name_of(place, folder):
    """Of a path or a URL: as it says itself, as its project says, or by the end of it."""
    named = re.search(r"#egg=([A-Za-z0-9._-]+)", place)
    if named:
        return named.group(1)
    path = re.sub(r"\[.*\]$", "", place)
    project = pathlib.Path(folder, path, "pyproject.toml")
    if project.is_file():
        return re.search(r'^name = "(.*)"', project.read_text(), re.MULTILINE).group(1)
    end = path.rstrip("/").rsplit("/")[-1]
    return re.split(r"-\d", end.split("@")[0])[0].removesuffix(".git")


def meant(requirements, folder, environment):
    found = []
    text = re.sub(r"\\\n\s*", " ", requirements)
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#(?!egg=).*$", "", line).strip()
        if not line or re.match(r"-(?!e |-editable)", line):
            continue
        name, version, url, hashes, marker = read(line, folder)
        if marker is None or marker.evaluate(environment | {"extra": ""}):
            url = url and urllib.parse.unquote(url)
            found.append({"name": name, "version": version, "url": url, "hashes": hashes})
    return found


for line in sys.stdin:
    try:
        answer = {"found": meant(**json.loads(line))}
    except Exception:
        answer = {"problem": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
