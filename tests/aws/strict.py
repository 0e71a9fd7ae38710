"""What moto does and Lambda refuses, beyond the models: found when a campaign saw what could not be in AWS."""

import json

from answer import refusal


def refuse(asked, ask):
    """The refusal, or None. `ask` is moto: an environment becomes an answer."""
    if asked.action == "lambda:AddLayerVersionPermission":
        return statement_exists(asked, ask)
    return None


def statement_exists(asked, ask):
    """https://github.com/hashicorp/terraform-provider-aws/issues/3312, and for layers issue 21917 there."""
    policy = ask(asked.forwarded(method="GET", query={}, body=b""))
    if not policy.good:
        return None
    wanted = asked.json()["StatementId"]
    if wanted not in [statement["Sid"] for statement in json.loads(policy.json()["Policy"])["Statement"]]:
        return None
    message = f"The statement id ({wanted}) provided already exists. "
    message += "Please provide a new statement id, or remove the existing statement."
    return refusal(asked, 409, "ResourceConflictException", message)
