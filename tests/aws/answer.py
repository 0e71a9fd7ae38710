"""An answer, and how each of AWS's protocols says no."""

import dataclasses
import json
import uuid
from xml.sax.saxutils import escape


@dataclasses.dataclass
class Answer:
    status: int
    headers: list
    body: bytes

    @property
    def good(self):
        return self.status < 300

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def set_header(self, name, value):
        self.headers = [(key, kept) for key, kept in self.headers if key.lower() != name.lower()] + [(name, value)]

    def set_body(self, body):
        self.body = body
        self.set_header("Content-Length", str(len(body)))

    def json(self):
        return json.loads(self.body)

    def set_json(self, value):
        self.set_body(json.dumps(value).encode())


def refusal(asked, status, code, message, extra=None):
    """The error as the service of the request says it; `extra` are further members of its body."""
    number = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", number)]
    if asked.protocol == "rest-json":
        headers += [("x-amzn-ErrorType", code), ("Content-Type", "application/json")]
        # Lambda alone has `Type` and writes `Message` for some, `message` for others; SDKs read both.
        body = json.dumps({"Type": "User", "message": message} | (extra or {}))
    elif asked.protocol == "json":
        headers += [("Content-Type", "application/x-amz-json-1.1")]
        body = json.dumps({"__type": code, "message": message} | (extra or {}))
    elif asked.protocol == "query":
        headers += [("Content-Type", "text/xml")]
        sender = "Receiver" if status >= 500 else "Sender"
        body = (
            f"<ErrorResponse><Error><Type>{sender}</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{number}</RequestId></ErrorResponse>"
        )
    else:
        headers = [("x-amz-request-id", number[:16].upper()), ("Content-Type", "application/xml")]
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
        if asked.method == "HEAD":
            body = ""
    answer = Answer(status, headers, b"")
    answer.set_body(body.encode())
    return answer
