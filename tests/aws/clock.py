"""The service's clock, when it is wrong: every time that it stamps. Its `Date` is in handler.py."""

import datetime
import email.utils
import re

STAMPS = re.compile(rb'(?P<start>"(?:CreatedDate|LastModified)":\s*"|<LastModified>)(?P<time>[^"<]+)')


def shift(answer, seconds):
    if not seconds:
        return
    modified = answer.header("Last-Modified")
    if modified:
        then = email.utils.parsedate_to_datetime(modified).timestamp()
        answer.set_header("Last-Modified", email.utils.formatdate(then + seconds, usegmt=True))
    if b"CreatedDate" in answer.body or b"LastModified" in answer.body:
        answer.set_body(STAMPS.sub(lambda match: match["start"] + moved(match["time"].decode(), seconds), answer.body))


def moved(text, seconds):
    for form in ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            then = datetime.datetime.strptime(text, form) + datetime.timedelta(seconds=seconds)
        except ValueError:
            continue
        zone = "Z" if text.endswith("Z") else then.strftime("%z")
        return (then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03}" + zone).encode()
    return text.encode()
