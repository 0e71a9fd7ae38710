"""What a request asks for: service, operation, account, region, and the members of the operation's input.

Operations and the places of their members come from botocore's service models, which moto has.
"""

import io
import json
import re
import urllib.parse

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router

# By the name in signatures: the name of the model in botocore, and the prefix of actions in policies.
SERVICES = {
    "lambda": ("lambda", "lambda"),
    "s3": ("s3", "s3"),
    "ssm": ("ssm", "ssm"),
    "sts": ("sts", "sts"),
    "tagging": ("resourcegroupstaggingapi", "tag"),
    "signer": ("signer", "signer"),
    "codeartifact": ("codeartifact", "codeartifact"),
}
# What STS answers without a signature.
UNSIGNED = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


class Asked:
    """A request to one of the services above. Others are moto's alone (`of` gives None)."""

    def __init__(self, environ, body, key, region, service):
        self.environ, self.body, self.key, self.region, self.service = environ, body, key, region, service
        from moto.iam.models import get_account_id_from  # Takes its time, and is not needed to start.

        self.account = get_account_id_from(key)
        self.method, self.path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.query = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        name, self.prefix = SERVICES[service]
        self.request = Request(environ | {"wsgi.input": io.BytesIO(body)})
        operation, self.in_path = get_service_router(name).match(self.request)
        self.model, self.operation = operation, operation.name
        # Some services speak several; what is sent tells which (there is no parser here for the youngest, CBOR).
        self.protocol = determine_request_protocol(operation.service_model, environ.get("CONTENT_TYPE"))
        self.action = f"{self.prefix}:{self.operation}"

    @classmethod
    def of(cls, environ, body):
        """None for services that are not asked after here; NotFound of werkzeug for no operation of such a service."""
        query = urllib.parse.unquote(environ.get("QUERY_STRING", ""))
        signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION") or query.replace("X-Amz-Credential", "Credential"))
        if signed and signed[3] in SERVICES:
            return cls(environ, body, *signed.groups())
        form = (
            urllib.parse.parse_qs(body.decode(errors="replace"))
            if body.startswith(b"Action=") or b"&Action=" in body[:4096]
            else {}
        )
        if form.get("Action", [""])[0] in UNSIGNED:
            return cls(environ, body, "", "us-east-1", "sts")
        return None

    def json(self):
        """The body as JSON, {} without one."""
        return json.loads(self.body) if self.body else {}

    def members(self):
        """All members of the input with their values, as moto reads them."""
        if self.model.input_shape is None:
            return {}
        parser = PROTOCOL_PARSERS[self.protocol](self.model)
        # Values in queries and forms; the parser of JSON looks at the body alone.
        values = self.request.values
        return parser.parse(
            {
                "body": self.body,
                "headers": self.request.headers,
                "method": self.method,
                "url_params": self.in_path,
                "url_path": self.path,
                "values": values,
            }
        )

    def forwarded(self, **changes):
        """The environment for moto: this request, or another one of the same identity (`method`, `path`, `query`, `body`)."""
        body = changes.get("body", self.body)
        environ = self.environ | {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        if "method" in changes:
            environ["REQUEST_METHOD"] = changes["method"]
        if "query" in changes or "path" in changes:
            path, query = changes.get("path", self.path), urllib.parse.urlencode(changes.get("query", self.query))
            raw = urllib.parse.quote(path, safe="/:%")
            if "path" not in changes:
                raw = self.environ.get("RAW_URI", raw).split("?")[0]
            environ |= {"PATH_INFO": path, "QUERY_STRING": query, "RAW_URI": raw + (f"?{query}" if query else "")}
            environ["REQUEST_URI"] = environ["RAW_URI"]
        if "target" in changes:
            environ["HTTP_X_AMZ_TARGET"] = changes["target"]
        return environ
