"""GitHub's REST API as far as the tests need it, checked against GitHub's own OpenAPI description.

Arguments: the description, and a JSON file with what there is and which faults to play. Every request and every answer is
checked; what is not as described stands under `violations` of `/_seen`.
"""

import copy
import functools
import json
import re
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema

import github_releases

DESCRIPTION = json.load(open(sys.argv[1], encoding="utf-8"))
WORLD = json.load(open(sys.argv[2], encoding="utf-8"))
REPOSITORY = "/repos/acme/layers"
SEEN = []
VIOLATIONS = []


def resolved(value):
    """Follows `$ref`, and says `nullable` as JSON Schema does."""
    if isinstance(value, list):
        return [resolved(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return named(value["$ref"])
    schema = {key: resolved(item) for key, item in value.items() if key not in ("nullable", "example", "examples")}
    return {"anyOf": [schema, {"type": "null"}]} if value.get("nullable") else schema


@functools.cache
def named(reference):
    value = DESCRIPTION
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return resolved(value)


def example(name):
    return copy.deepcopy(DESCRIPTION["components"]["examples"][name]["value"])


def operation(method, path):
    """The description of a request, and what its path says."""
    for template, operations in DESCRIPTION["paths"].items():
        pattern = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", template)
        )
        found = re.fullmatch(pattern, path)
        if found and method.lower() in operations:
            return operations[method.lower()], found.groupdict()
    return None, {}


def check(value, schema, what):
    checker = jsonschema.FormatChecker()
    for error in jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(value):
        VIOLATIONS.append(f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")


def check_request(described, path_words, query, body, what):
    parameters = [resolved(parameter) for parameter in described.get("parameters", [])]
    known = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "query"}
    for name, value in query.items():
        if name not in known:
            VIOLATIONS.append(f"{what}: has no parameter `{name}`")
            continue
        schema = known[name]["schema"]
        check(int(value) if schema.get("type") == "integer" else value, schema, f"{what}: `{name}`")
    for parameter in parameters:
        if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
            check(int(path_words[parameter["name"]]), parameter["schema"], what)
    expected = resolved(described.get("requestBody", {}))
    if expected and "application/json" not in expected["content"]:
        if not isinstance(body, bytes):
            VIOLATIONS.append(f"{what}: is no file")
    elif expected:
        check(body, expected["content"]["application/json"]["schema"], f"{what}: body")
    elif body is not None:
        VIOLATIONS.append(f"{what}: has a body")


def check_answer(described, status, body, what):
    # What every request may be answered with is not said of each.
    responses = {key: resolved(value) for key, value in described["responses"].items()}
    if str(status) not in responses and (status in (401, 403, 404, 429) or status >= 500):
        return
    if str(status) not in responses:
        VIOLATIONS.append(f"{what}: is never answered with {status}")
        return
    content = responses[str(status)].get("content", {}).get("application/json")
    if content:
        check(body, content["schema"], f"{what}: answer {status}")


def user(login):
    account = example("issue-comment")["user"]
    account["login"] = login
    account["type"] = "Bot" if login.endswith("[bot]") else "User"
    return account


def comment(number, entry):
    told = example("issue-comment")
    told["id"] = entry["id"]
    told["body"] = entry["body"]
    told["user"] = user(entry["user"])
    told["html_url"] = f"https://github.com/acme/layers/pull/{number}#issuecomment-{entry['id']}"
    told["author_association"] = "CONTRIBUTOR"
    return told


def error(message):
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        text = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/_seen":
            return self.answer(200, {"requests": SEEN, "violations": VIOLATIONS, "world": WORLD})
        is_file = self.headers.get("content-type") == "application/octet-stream"
        body = text if is_file else json.loads(text) if text else None
        what = f"{self.command} {url.path}"
        # An Enterprise server has its API below a folder.
        path = "/graphql" if url.path == "/api/graphql" else url.path.removeprefix(WORLD.get("prefix", ""))
        SEEN.append({"method": self.command, "path": self.path, "body": None if is_file else body})
        if not self.headers.get("user-agent"):
            VIOLATIONS.append(f"{what}: has no user agent")
        described, words = operation(self.command, path)
        if not described and path != "/graphql":
            VIOLATIONS.append(f"{what}: there is no such request")
            return self.answer(404, error("Not Found"))
        if described:
            query = dict(urllib.parse.parse_qsl(url.query))
            check_request(described, words, query, body, what)
        status, answer, headers = self.fault(path) or self.reply(path, url.query, body)
        if described:
            check_answer(described, status, answer, what)
        return self.answer(status, answer, headers)

    def fault(self, path):
        for fault in WORLD.get("faults", []):
            if fault.get("times", 1) <= 0 or fault["method"] != self.command or fault["path"] not in path:
                continue
            fault["times"] = fault.get("times", 1) - 1
            if fault.get("done"):
                self.reply(path, "", None if self.command == "GET" else SEEN[-1]["body"])
            return fault["status"], error(fault["message"]), fault.get("headers", {}).items()
        return None

    def reply(self, path, query, body):
        if self.headers.get("authorization") != f"Bearer {WORLD['token']}":
            return 401, error("Bad credentials"), ()
        if path == "/graphql":
            return 200, {"data": {"viewer": {"login": WORLD["viewer"]}}}, ()
        comments = WORLD.setdefault("comments", {})
        if found := re.fullmatch(f"{REPOSITORY}/issues/(\\d+)/comments", path):
            number = found[1]
            if number not in comments:
                return 404, error("Not Found"), ()
            if self.command == "POST":
                new = {"id": 1 + max((entry["id"] for entry in all_comments()), default=100), "user": WORLD["viewer"]}
                comments[number].append({**new, "body": body["body"]})
                return 201, comment(number, comments[number][-1]), ()
            return page([comment(number, entry) for entry in comments[number]], self, query)
        if found := re.fullmatch(f"{REPOSITORY}/issues/comments/(\\d+)", path):
            for number, entries in comments.items():
                for entry in entries:
                    if entry["id"] == int(found[1]):
                        if self.command == "DELETE":
                            entries.remove(entry)
                            return 204, None, ()
                        if self.command == "PATCH":
                            entry["body"] = body["body"]
                        return 200, comment(number, entry), ()
        found = github_releases.reply(self, path, query, body, WORLD, example, page)
        return found or (404, error("Not Found"), ())

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any


def all_comments():
    return [entry for entries in WORLD["comments"].values() for entry in entries]


def page(items, handler, query):
    """One page of a list, with the address of the next."""
    query = dict(urllib.parse.parse_qsl(query))
    size, number = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
    host = handler.headers["host"]
    links = []
    if number * size < len(items):
        following = urllib.parse.urlencode({**query, "page": number + 1})
        links.append(f'<http://{host}{handler.path.split("?")[0]}?{following}>; rel="next"')
    if number > 1:
        links.append(f'<http://{host}{handler.path.split("?")[0]}?page=1>; rel="first"')
    shown = items[(number - 1) * size : number * size]
    return 200, shown, [("link", ", ".join(links))] if links else ()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"Serving GitHub on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
