"""Says which lines of a requirement file are meant for a target: those of the export of a lock file, in its folder.

Standard input has `requirements` and the `environment` that decides markers. The answer is a list of what is left: `name`,
`version` (or none), `url` (or none), `hashes`.
"""

import json
import pathlib
import re
import sys
import urllib.parse

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.markers import Marker

question = json.load(sys.stdin)
environment = question["environment"] | {"extra": ""}


def read(line):
    hashes = re.findall(r"--hash[= ]sha256:([0-9a-f]+)", line)
    line = re.sub(r"\s--hash[= ]\S+", "", line)
    line, is_editable = re.subn(r"^(-e|--editable)[ =]\s*", "", line.strip())
    if is_editable or re.match(r"(\.|/|file:|git\+|https?:)", line):
        place, _, marker = line.partition(" ;") if " ;" in line else line.partition("; ")
        marker = Marker(marker.strip()) if marker.strip() else None
        return name_of(place.strip()), None, place.strip(), hashes, marker
    requirement = Requirement(line)
    version = re.fullmatch(r"===?([^,*]+)", str(requirement.specifier))
    return requirement.name, version and version.group(1), requirement.url, hashes, requirement.marker


def name_of(place):
    """Of a path or a URL: as it says itself, as its project says, or by the end of it."""
    named = re.search(r"#egg=([A-Za-z0-9._-]+)", place)
    if named:
        return named.group(1)
    folder = re.sub(r"\[.*\]$", "", place)
    project = pathlib.Path(folder, "pyproject.toml")
    if project.is_file():
        return re.search(r'^name = "(.*)"', project.read_text(), re.MULTILINE).group(1)
    end = folder.rstrip("/").rsplit("/")[-1]
    return re.split(r"-\d", end.split("@")[0])[0].removesuffix(".git")


found = []
text = re.sub(r"\\\n\s*", " ", question["requirements"])
for line in text.splitlines():
    line = re.sub(r"(^|\s)#(?!egg=).*$", "", line).strip()
    if not line or re.match(r"-(?!e |-editable)", line):
        continue
    name, version, url, hashes, marker = read(line)
    if marker is None or marker.evaluate(environment):
        found.append({"name": name, "version": version, "url": url and urllib.parse.unquote(url), "hashes": hashes})
json.dump(found, sys.stdout)
