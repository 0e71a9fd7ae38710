"""A value against a shape of botocore's models: what it breaks, in AWS's words."""

import base64
import binascii
import json
import re

# Classes that Python's `re` does not know, as they stand inside of brackets there: nearly the same.
CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{P}": r"!-/:-@\[-`{-~", r"\p{S}": r"$+<->^`|~"}
NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}


class Malformed(Exception):
    """The value cannot be read as what the model says."""


class Check:
    """All that a value and what is in it break, in `found`."""

    def __init__(self):
        self.found = []

    def value(self, shape, value, path=""):
        """Malformed if it is of another type."""
        if value is not None:
            # Timestamps are whatever the parser of the service makes of them.
            getattr(self, shape.type_name, self.number if shape.type_name in NUMBERS else self.anything)(shape, value, path)

    def structure(self, shape, value, path):
        wanted(isinstance(value, dict), path, "structure")
        unknown = set(value) - set(shape.members)
        if unknown:
            raise Malformed(f"Unknown member at {path or 'the input'!r}: {', '.join(sorted(unknown))}")
        for name in shape.required_members:
            if value.get(name) is None:
                self.breaks(None, joined(path, name), "not be null")
        for name, inner in value.items():
            self.value(shape.members[name], inner, joined(path, name))

    def list(self, shape, value, path):
        wanted(isinstance(value, list), path, "list")
        self.bounds(shape, value, len(value), path, "length")
        values = shape.member.metadata.get("enum")
        if values and any(item not in values for item in value):
            # AWS shows the whole list, and the constraint of its members.
            self.breaks(value, path, f"satisfy constraint: [Member must satisfy enum value set: [{', '.join(values)}]]")
            return
        for number, item in enumerate(value, 1):
            self.value(shape.member, item, f"{path}.{number}.member")

    def map(self, shape, value, path):
        wanted(isinstance(value, dict), path, "map")
        self.bounds(shape, value, len(value), path, "length")
        for key, item in value.items():
            self.value(shape.key, key, f"{path}.key")
            self.value(shape.value, item, f"{path}.{key}.member")

    def string(self, shape, value, path):
        wanted(isinstance(value, str), path, "string")
        self.bounds(shape, value, len(value), path, "length")
        pattern, values = shape.metadata.get("pattern"), shape.metadata.get("enum")
        if pattern and not matches(pattern, value):
            self.breaks(value, path, f"satisfy regular expression pattern: {pattern}")
        if values and value not in values:
            self.breaks(value, path, f"satisfy enum value set: [{', '.join(values)}]")

    def blob(self, shape, value, path):
        if isinstance(value, str):
            try:
                value = base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise Malformed(f"{path} is not base64") from error
        if isinstance(value, bytes):
            self.bounds(shape, "java.nio.HeapByteBuffer", len(value), path, "length")

    def boolean(self, shape, value, path):
        wanted(isinstance(value, bool), path, "boolean")

    def number(self, shape, value, path):
        wanted(isinstance(value, NUMBERS[shape.type_name]) and not isinstance(value, bool), path, shape.type_name)
        self.bounds(shape, value, value, path, "value")

    def anything(self, shape, value, path):
        pass

    def bounds(self, shape, value, figure, path, word):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and figure < least:
            self.breaks(value, path, f"have {word} greater than or equal to {least}")
        if most is not None and figure > most:
            self.breaks(value, path, f"have {word} less than or equal to {most}")

    def breaks(self, value, path, constraint):
        value = "null" if value is None else f"'{shown(value)}'"
        self.found.append(f"Value {value} at '{path}' failed to satisfy constraint: Member must {constraint}")


def wanted(is_so, path, kind):
    if not is_so:
        raise Malformed(f"{path or 'the input'} is no {kind}")


def matches(pattern, value):
    for name, inside in CLASSES.items():
        pattern = pattern.replace(name, inside)
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True  # Nobody can tell here.


def shown(value):
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def joined(path, name):
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
