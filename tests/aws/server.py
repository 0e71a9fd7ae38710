#!/usr/bin/env python3
"""A stand-in for AWS: moto's own server in this process, behind AWS's manner.

    server.py [--host 127.0.0.1] [--port 0] [--manner JSON | --manner @FILE]

It prints `Running on http://127.0.0.1:PORT` when it listens, and an access log as moto's server does. Without a manner it is
as quick as moto; it refuses what botocore's models refuse, gives lists in pages, and counts. README.md says what it can.

    GET  /_aws/requests   how often each operation was asked: [{"operation": …, "account": …, "region": …, "count": …}]
    GET  /_aws/manner     the manner; PUT sets another one, and begins to count anew
    GET  /_aws/refused    what the models refused: [{"operation": …, "said": …}]
    GET  /_aws/busy       how many requests are being served, also those whose clients are gone
    PUT  /_aws/age        makes all that exists older by the seconds in the body

A request with the header `x-aside` is moto's alone: it takes no time, is not counted, and sees everything as it is.
"""

import argparse
import collections
import io
import json
import signal
import sys
import threading
import time
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.serving import run_simple
from werkzeug.test import run_wsgi_app

import clock
import constraints
import loss
import strict
from age import age
from answer import Answer, refusal
from asked import Asked
from handler import Handler
from lists import Lists
from manner import Manner
from refusals import refuse
from shapes import Malformed
from throttle import Throttle

CONTROL = "/_aws/"


class Service:
    def __init__(self, moto, document):
        self.moto, self.lists, self.busy = moto, Lists(self.ask), 0
        # One change at a time, so that what is looked at before it is still so.
        self.lock, self.effects = threading.Lock(), threading.Lock()
        self.set(document)

    def set(self, document):
        self.manner = Manner(document)
        Handler.seconds = self.manner.document.get("clock", 0)
        self.throttle = Throttle(self.manner.document.get("throttle"))
        self.counts, self.refused = collections.Counter(), []

    def ask(self, environ):
        body, status, headers = run_wsgi_app(self.moto, environ, buffered=True)
        return Answer(int(status.split()[0]), list(headers), b"".join(body))

    def __call__(self, environ, start_response):
        body = take_body(environ)
        if body is None:  # Whoever began to send it is gone.
            raise ConnectionResetError
        if environ["PATH_INFO"].startswith(CONTROL):
            answer = self.control(environ, body)
        else:
            answer = self.serve(environ, body)
        if answer is None:  # lost
            raise ConnectionResetError
        status = f"{answer.status} {'OK' if answer.good else 'Refused'}"
        start_response(status, answer.headers)
        return [answer.body]

    def serve(self, environ, body):
        """What the request gets, or None for nothing at all."""
        try:
            asked = Asked.of(environ, body)
        except (NotFound, MethodNotAllowed):
            asked = None
        if asked is None or "HTTP_X_ASIDE" in environ:
            return self.ask(environ)
        with self.lock:
            self.counts[asked.action, asked.account, asked.region] += 1
            self.busy += 1
        manner = self.manner
        chance = manner.chance(asked)
        try:
            answer = self.refuse(asked, manner, chance) or self.do(asked, manner, chance)
        finally:
            with self.lock:
                self.busy -= 1
        if answer is not None:
            clock.shift(answer, Handler.seconds)
        return answer

    def refuse(self, asked, manner, chance):
        if answer := self.throttle.refuse(asked):
            return answer
        if manner.document.get("validate", True):
            try:
                found = constraints.problems(asked)
                said = constraints.message(found) if found else None
                code = "ValidationError" if asked.service == "sts" else "ValidationException"
            except Malformed as error:
                said, code = str(error), "SerializationException"
            if said is not None:
                with self.lock:
                    self.refused.append({"operation": asked.action, "said": said})
                return refusal(asked, 400, code, said)
        row = manner.row("refuse", asked, chance)
        return refuse(asked, row) if row else None

    def do(self, asked, manner, chance):
        before, after = manner.seconds(asked, chance)
        lost = manner.row("lost", asked, chance)
        time.sleep(before)
        if lost and lost.get("when") == "before":
            return loss.answer(asked, lost)
        if asked.operation.startswith("List") or asked.operation == "GetResources":
            answer = self.lists.answer(asked, manner)
        else:
            with self.effects:
                answer = strict.refuse(asked, self.ask) or self.lists.effect(asked, manner, chance)
        time.sleep(after)
        return loss.answer(asked, lost) if lost else answer

    def control(self, environ, body):
        path, status, value = environ["PATH_INFO"], 200, None
        if path == f"{CONTROL}manner" and environ["REQUEST_METHOD"] == "PUT":
            try:
                self.set(json.loads(body))
            except ValueError as error:
                status, value = 400, {"message": str(error)}
        if path == f"{CONTROL}manner":
            value = value or self.manner.document
        elif path == f"{CONTROL}requests":
            with self.lock:
                rows = sorted(self.counts.items())
            value = [dict(zip(("operation", "account", "region"), key)) | {"count": count} for key, count in rows]
        elif path == f"{CONTROL}refused":
            value = self.refused
        elif path == f"{CONTROL}busy":
            value = self.busy
        elif path == f"{CONTROL}age":
            age(float(body))
            value = {}
        else:
            status, value = 404, {"message": "there are requests, manner, refused, busy and age"}
        answer = Answer(status, [("Content-Type", "application/json")], b"")
        answer.set_json(value)
        return answer


def take_body(environ):
    """Reads the body and puts it back, so that it can be read once more. None: its end did not arrive.

    A request that breaks off does nothing. moto takes what there is of it, so a killed upload left an empty zip.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else environ["wsgi.input"].read(length)
    except OSError:
        return None
    if len(body) < length:
        return None
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": False}
    return body


def new_service(document):
    moto = DomainDispatcherApplication(create_backend_app)
    moto.debug = True
    return Service(moto, document)


def serve(service, host, port):
    """Until the process is stopped; port 0 is any that is free."""
    run_simple(host, port, service, threaded=True, request_handler=Handler)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--manner", default="{}", help="a JSON document, or @FILE with one; see manner.py")
    arguments = parser.parse_args()
    text = arguments.manner
    document = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(new_service(document), arguments.host, arguments.port)


if __name__ == "__main__":
    main()
