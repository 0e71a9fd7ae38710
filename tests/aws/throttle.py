"""Limits of requests per account, region and second, refused in AWS's words.

Lambda's control plane: 15 a second over all operations, GetFunction 100
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests,
https://github.com/DataDog/datadog-lambda-extension/pull/1355); Parameter Store: 40 reads and 3 writes a second without
higher throughput (https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2944).
"""

import collections
import threading
import time

from answer import refusal

# A name of the limit, and the requests that share it. The first that fits counts.
SHARED = [
    ("lambda:GetFunction", lambda asked: asked.action == "lambda:GetFunction"),
    ("lambda", lambda asked: asked.service == "lambda"),
    ("ssm:writes", lambda asked: asked.service == "ssm" and not asked.operation.startswith(("Get", "List", "Describe"))),
    ("ssm:reads", lambda asked: asked.service == "ssm"),
    ("sts", lambda asked: asked.service == "sts"),
    ("tag", lambda asked: asked.prefix == "tag"),
    ("s3", lambda asked: asked.service == "s3"),
]
AWS = {"lambda": 15, "lambda:GetFunction": 100, "ssm:writes": 3, "ssm:reads": 40}
# Lambda: https://github.com/aws/aws-durable-execution-sdk-python/issues/404; Parameter Store:
# https://github.com/aws-ia/terraform-aws-control_tower_account_factory/issues/271; S3:
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
WORDS = {
    "lambda": (429, "TooManyRequestsException", "Rate exceeded"),
    "ssm": (400, "ThrottlingException", "Rate exceeded"),
    "s3": (503, "SlowDown", "Please reduce your request rate."),
}
OTHERS = (400, "ThrottlingException", "Rate exceeded")


class Throttle:
    """`limits`: requests a second by the names above, or `true` for AWS's own."""

    def __init__(self, limits):
        self.limits = AWS if limits is True else limits or {}
        self.buckets, self.lock = collections.defaultdict(lambda: None), threading.Lock()

    def refuse(self, asked):
        """The refusal, if too many were asked; else the request counts. Full buckets hold a second's worth."""
        name = next((name for name, fits in SHARED if fits(asked)), None)
        rate = self.limits.get(name)
        if rate is None:
            return None
        with self.lock:
            now, key = time.monotonic(), (name, asked.account, asked.region)
            left, since = self.buckets[key] or (rate, now)
            left = min(rate, left + (now - since) * rate)
            enough = left >= 1
            self.buckets[key] = (left - enough, now)
        return None if enough else refusal(asked, *WORDS.get(asked.service, OTHERS))
