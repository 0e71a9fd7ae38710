"""What the tools reach in place of the world: a proxy that answers for `http://localhost/` and for nothing else.

Addresses in lock files are the same in every run that way, which the port of a server is not. `ROOT/PATH` is the file at
`http://localhost/PATH`, and `ROOT/git/NAME.git` a repository. Each request is a line of the file LOG.
"""

import hashlib
import http.server
import os
import pathlib
import subprocess
import sys
import urllib.parse

ROOT, LOG = map(pathlib.Path, sys.argv[1:])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        if url.hostname not in (None, "localhost"):
            self.send_error(403, "There is no network but this server")
        elif path.startswith("/git/"):
            self.answer_as_git(path.removeprefix("/git"), url.query)
        else:
            self.answer_with_file(ROOT / path.lstrip("/"))

    do_HEAD = do_POST = do_GET

    def do_CONNECT(self):
        self.send_error(403, "There is no network but this server")

    def answer_with_file(self, file):
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            return self.send_error(404)
        content = file.read_bytes()
        # The caches of the tools are there for longer than this server, which has other files on another day.
        tag = '"' + hashlib.sha256(content).hexdigest() + '"'
        is_known = self.headers.get("If-None-Match") == tag
        self.send_response(304 if is_known else 200)
        self.send_header("ETag", tag)
        if not is_known:
            self.send_header("Content-Type", "text/html" if file.suffix == ".html" else "application/octet-stream")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not is_known and self.command != "HEAD":
            self.wfile.write(content)

    def answer_as_git(self, path, query):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(ROOT / "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        answer = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE).stdout
        head, _, body = answer.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        self.send_response(int(next((value.split()[0] for name, value in headers if name == "Status"), "200")))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text, *values):
        with open(LOG, "a") as log:
            print(text % values, file=log)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("serving on port", server.server_port, flush=True)
server.serve_forever()
