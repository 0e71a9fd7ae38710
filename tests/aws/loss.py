"""Answers that get lost: the connection is reset, the service answers 5xx, or says nothing until the client gives up."""

import select
import socket

from answer import refusal

# Whoever waits longer than this has given up on giving up.
LONGEST = 300
# https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html, and S3's "Error responses" page.
CODES = {500: "ServiceException", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout"}


def answer(asked, lost):
    """What the client gets of a request whose answer is lost; None: the connection is reset."""
    how = lost.get("how", "reset")
    if how == "silence":
        wait_for_hang_up(asked.environ["werkzeug.socket"])
    if how in ("reset", "silence"):
        return None
    return refusal(
        asked, int(how), CODES.get(int(how), "InternalFailure"), "An error occurred and the request cannot be processed."
    )


def wait_for_hang_up(connection):
    while select.select([connection], [], [], LONGEST)[0]:
        try:
            if not connection.recv(1 << 16, socket.MSG_PEEK):
                return
        except OSError:
            return
        connection.recv(1 << 16)
