"""Makes everything that exists now older: layer versions and objects. Clean-ups keep what is young, and no test waits."""

import datetime

from clock import moved


def age(seconds):
    from moto.awslambda.models import lambda_backends
    from moto.s3.models import s3_backends

    for regions in list(lambda_backends.values()):
        for backend in list(regions.values()):
            for layer in backend._layers._layers.values():
                for version in layer.layer_versions.values():
                    version.created_date = moved(version.created_date, -seconds).decode().replace("Z", "+0000")
    for partitions in list(s3_backends.values()):
        for backend in list(partitions.values()):
            for bucket in backend.buckets.values():
                for key in bucket.keys.values():
                    key.last_modified -= datetime.timedelta(seconds=seconds)
