#!/usr/bin/env python3
"""New stand-ins for AWS, without the second that each takes to load moto and botocore's models.

    nursery.py

It loads them once and prints `Ready on port PORT`. Each connection to that port gets a server of its own: a process that
shares no state with others, writes to the connection what `server.py` prints, and ends when the connection does. The nursery
ends when its standard input does.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading

from moto.moto_api._internal import mock_random
from werkzeug.test import EnvironBuilder, run_wsgi_app

from server import new_service, serve

# The first request to a service makes moto load it; these change nothing.
READS = [
    ("lambda", "GET", "/2018-10-31/layers", {}, ""),
    ("s3", "GET", "/", {}, ""),
    ("ssm", "POST", "/", {"X-Amz-Target": "AmazonSSM.DescribeParameters"}, "{}"),
    ("sts", "POST", "/", {}, "Action=GetCallerIdentity&Version=2011-06-15"),
    ("iam", "POST", "/", {}, "Action=ListRoles&Version=2010-05-08"),
    ("tagging", "POST", "/", {"X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.GetResources"}, "{}"),
    ("signer", "GET", "/signing-platforms", {}, ""),
]


def load(service):
    for name, method, path, headers, body in READS:
        credential = f"Credential=testing/20260101/us-east-1/{name}/aws4_request"
        headers = headers | {"Authorization": f"AWS4-HMAC-SHA256 {credential}"}
        if body:
            headers["Content-Type"] = "application/x-amz-json-1.1" if body == "{}" else "application/x-www-form-urlencoded"
        environ = EnvironBuilder(path, "http://127.0.0.1", method=method, headers=headers, data=body).get_environ()
        answer, status, _ = run_wsgi_app(service, environ, buffered=True)
        assert status.startswith("200"), (name, status, b"".join(answer))
    assert service.refused == [], service.refused


def become_server(service, connection):
    """In the process of its own; does not come back."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(connection.fileno(), sys.stdout.fileno())
    os.dup2(connection.fileno(), sys.stderr.fileno())

    def end():
        connection.recv(1)
        os._exit(0)

    threading.Thread(target=end, daemon=True).start()
    # Else all servers would give the same ids.
    mock_random.seed()
    service.set({})
    serve(service, "127.0.0.1", 0)


def main():
    service = new_service({})
    load(service)
    # The servers share these pages for as long as nothing walks over them.
    gc.freeze()
    # Nobody waits for the servers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        print(f"Ready on port {listener.getsockname()[1]}", flush=True)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                become_server(service, connection)
            connection.close()


if __name__ == "__main__":
    main()
