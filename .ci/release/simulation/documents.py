"""Reads YAML with libyaml: PyYAML's own parser takes a quarter of a second for release.yml, in each of hundreds of runs."""

from typing import Any

import yaml


def read(text: str | bytes) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)
