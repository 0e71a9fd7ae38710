"""GitHub's expressions, as far as the release workflow uses them; anything else is an error.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import json
import re
from collections.abc import Callable
from typing import Any

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*)|(?P<number>\d+)|(?P<sign>&&|\|\||==|!=|[!().,]))")


class Expression:
    """One expression, evaluated while it is read."""

    def __init__(self, text: str, contexts: dict[str, Any], functions: dict[str, Callable[..., Any]]) -> None:
        self.contexts = contexts
        self.functions = {"fromJSON": json.loads, **functions}
        self.used: set[str] = set()
        self.tokens: list[str] = []
        end = 0
        text = text.strip()
        while end < len(text):
            match = TOKEN.match(text, end)
            if not match:
                raise ValueError(f"`{text[end:]}` in the expression `{text}` is not known here")
            self.tokens.append(match[0].strip())
            end = match.end()

    def take(self, *signs: str) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in signs else None

    def value(self) -> Any:
        result = self.either()
        if self.tokens:
            raise ValueError(f"`{' '.join(self.tokens)}` is left of an expression")
        return result

    def either(self) -> Any:
        left = self.both()
        while self.take("||"):
            right = self.both()
            left = left or right
        return left

    def both(self) -> Any:
        left = self.compared()
        while self.take("&&"):
            right = self.compared()
            left = left and right
        return left

    def compared(self) -> Any:
        left = self.single()
        while sign := self.take("==", "!="):
            left = (left == self.single()) == (sign == "==")
        return left

    def single(self) -> Any:
        if self.take("!"):
            return not self.single()
        if self.take("("):
            inner = self.either()
            self.tokens.remove(")")
            return inner
        token = self.tokens.pop(0)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if token.isdigit():
            return int(token)
        if token in ("true", "false"):
            return token == "true"
        return self.call(token) if self.take("(") else self.looked_up(token)

    def call(self, name: str) -> Any:
        self.used.add(name)
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        return self.functions[name](*arguments)

    def looked_up(self, name: str) -> Any:
        found = self.contexts[name]
        while self.take("."):
            # What is not there is empty, as on GitHub.
            name = self.tokens.pop(0)
            found = found.get(name, "") if isinstance(found, dict) else ""
        return found


def as_text(value: Any) -> str:
    return {True: "true", False: "false", None: ""}.get(value, value) if isinstance(value, bool | None) else str(value)


def filled(text: str, contexts: dict[str, Any]) -> Any:
    """A value of a workflow with its `${{ … }}`; one that is nothing else keeps its type."""
    if whole := re.fullmatch(r"\s*\$\{\{(.*?)\}\}\s*", text, re.S):
        return Expression(whole[1], contexts, {}).value()
    return re.sub(r"\$\{\{(.*?)\}\}", lambda match: as_text(Expression(match[1], contexts, {}).value()), text, flags=re.S)


def filled_tree(value: Any, contexts: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: filled_tree(inner, contexts) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled_tree(inner, contexts) for inner in value]
    return filled(value, contexts) if isinstance(value, str) else value


def condition(text: str | None, contexts: dict[str, Any], *, failed: bool) -> bool:
    """An `if:`. Without a function about the status, it also asks for success so far."""
    if text is None:
        return not failed
    text = str(text)
    if whole := re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", text, re.S):
        text = whole[1]
    status = {
        "success": lambda: not failed,
        "failure": lambda: failed,
        "cancelled": lambda: False,
        "always": lambda: True,
    }
    expression = Expression(text, contexts, status)
    result = bool(expression.value())
    return result and (bool(expression.used & status.keys()) or not failed)
