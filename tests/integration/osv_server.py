"""OSV's API as its documentation describes it (https://google.github.io/osv.dev/api/), with advisories of a file.

    osv_server.py WORLD

WORLD is JSON: `advisories` is a list in OSV's format. How the server behaves: `delay` (seconds before each answer),
`refuse` (for a path, the list of statuses of its first answers; the last one stays if it is negative), `retry_after`,
`page` (advisories on a page), `half` (only the first half of the results), `raw` (for a path, the body of each answer).
"""

import json
import re
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORLD = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
SEEN = []
PREFIX = WORLD.get("prefix", "")
# The API accepts no more.
BATCH = 1000


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def matching(purl):
    """Ids of the advisories about a package URL, as the API finds them for a version that they list."""
    found = re.fullmatch(r"pkg:(pypi|cargo)/([^@/]+)@([^@/?#]+)", purl)
    if not found:
        return None
    kind, name, version = (urllib.parse.unquote(part) for part in found.groups())
    ecosystem = {"pypi": "PyPI", "cargo": "crates.io"}[kind]
    return [
        {"id": advisory["id"], "modified": advisory.get("modified")}
        for advisory in WORLD["advisories"]
        for affected in advisory["affected"]
        if affected["package"]["ecosystem"] == ecosystem
        and normalized(affected["package"]["name"]) == name and version in affected.get("versions", [])
    ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if "retry_after" in WORLD:
            self.send_header("Retry-After", str(WORLD["retry_after"]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def misbehaves(self, path):
        """Answers as the world says for this path, and tells whether it did."""
        time.sleep(WORLD.get("delay", 0))
        for start, statuses in WORLD.get("refuse", {}).items():
            if path.startswith(start) and statuses:
                status = abs(statuses[0])
                if statuses[0] > 0:
                    statuses.pop(0)
                self.answer(status, {"code": 8, "message": "no"})
                return True
        for start, body in WORLD.get("raw", {}).items():
            if path.startswith(start):
                self.answer(200, body.encode())
                return True
        return False

    def do_GET(self):
        if self.path == "/_seen":
            return self.answer(200, SEEN)
        SEEN.append({"method": "GET", "path": self.path, "agent": self.headers.get("User-Agent")})
        path = self.path.removeprefix(PREFIX)
        if self.misbehaves(path):
            return None
        wanted = urllib.parse.unquote(path.removeprefix("/v1/vulns/"))
        for advisory in WORLD["advisories"]:
            if path.startswith("/v1/vulns/") and advisory["id"] == wanted:
                return self.answer(200, advisory)
        return self.answer(404, {"code": 5, "message": "Bug not found."})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        SEEN.append({"method": "POST", "path": self.path, "body": body, "headers": dict(self.headers)})
        path = self.path.removeprefix(PREFIX)
        if self.misbehaves(path):
            return None
        queries = body.get("queries", [])
        if path != "/v1/querybatch" or len(queries) > BATCH:
            return self.answer(400, {"code": 3, "message": "Too many queries."})
        results = []
        for query in queries:
            found = matching(query["package"]["purl"])
            if found is None:
                return self.answer(400, {"code": 3, "message": "Invalid query."})
            start = int(query.get("page_token", "0"))
            size = WORLD.get("page", len(found) or 1)
            result = {"vulns": found[start : start + size]} if found else {}
            if start + size < len(found):
                result["next_page_token"] = str(start + size)
            results.append(result)
        if WORLD.get("half"):
            results = results[: len(results) // 2]
        return self.answer(200, {"results": results})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"Serving OSV on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
