"""What the self-test asks the simulated AWS itself, not the action.

selftest.py start BUCKET     waits until it answers, then makes the bucket
selftest.py versions LAYER   prints `ARN CodeSha256` of each version, oldest first
"""

import sys
import time

import boto3
from botocore.exceptions import EndpointConnectionError

REGION = "eu-west-1"


def start(bucket: str) -> None:
    s3 = boto3.client("s3", region_name=REGION)
    for _ in range(60):
        try:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            return
        except EndpointConnectionError:
            time.sleep(1)
    sys.exit("the simulated AWS does not answer")


def versions(layer: str) -> None:
    aws = boto3.client("lambda", region_name=REGION)
    for found in reversed(aws.list_layer_versions(LayerName=layer)["LayerVersions"]):
        version = aws.get_layer_version(LayerName=layer, VersionNumber=found["Version"])
        print(version["LayerVersionArn"], version["Content"]["CodeSha256"])


{"start": start, "versions": versions}[sys.argv[1]](sys.argv[2])
