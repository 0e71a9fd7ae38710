"""Tries the examples of docs/use-the-layer.md with the tools that they are for, against a simulated AWS.

use.py FOLDER    has node_modules; the examples are written into it

A block of the page with a path behind its language is a file: ```yaml sam/template.yaml. In the simulated account, the layer
`shared` has seven versions; `production` is the sixth, and a workflow has just published the seventh.
"""

import concurrent.futures
import copy
import io
import json
import logging
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3
import yaml
from cfnlint.decode.cfn_yaml import load as load_template
from moto.server import ThreadedMotoServer
from samtranslator.translator.transform import transform

FOLDER = Path(sys.argv[1]).resolve()
PAGE = Path("docs/use-the-layer.md").read_text()
REGION, ACCOUNT = "eu-west-1", "123456789012"
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:shared:"
PRODUCTION, PUBLISHED = PREFIX + "6", PREFIX + "7"
PARAMETER = "/layers/shared/3.13/x86_64/production"
BIN, PYTHON_BIN = FOLDER / "node_modules/.bin", Path(sys.executable).parent


def examples():
    """Writes the files of the page, with the code of the function beside them."""
    for path, text in re.findall(r"^```[a-z]+ (\S+/\S+)\n(.*?)^```", PAGE, re.M | re.S):
        file = FOLDER / path
        (file.parent / "src").mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        for code in (file.parent, file.parent / "src"):
            (code / "orders.py").write_text("def handler(event, context):\n    return 'ordered'\n")


def run(*command, folder="."):
    """Its standard output."""
    done = subprocess.run(list(map(str, command)), cwd=FOLDER / folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def account():
    """Seven versions, the parameter, the list as versions.md has it, and the role of the function."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("orders.py", "def handler(*_): pass")
    aws = boto3.client("lambda")
    for _ in range(7):
        made = aws.publish_layer_version(LayerName="shared", Content={"ZipFile": zipped.getvalue()})
    assert made["LayerVersionArn"] == PUBLISHED
    ssm, s3 = boto3.client("ssm"), boto3.client("s3")
    ssm.put_parameter(Name=PARAMETER, Type="String", Value=PRODUCTION)
    boto3.client("iam").create_role(RoleName="orders", AssumeRolePolicyDocument=TRUST)
    s3.create_bucket(Bucket="acme-layers", CreateBucketConfiguration={"LocationConstraint": REGION})
    versions = re.search(r"^## The list of versions\n.*?```json\n(.*?)```", Path("docs/versions.md").read_text(), re.M | re.S)
    s3.put_object(Bucket="acme-layers", Key="lambda-layers/state/shared.versions.json", Body=versions[1])


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def layers_of(template, **given):
    """The layers of the only function of a template, as CloudFormation resolves what it refers to."""
    (function,) = [found for found in template["Resources"].values() if found["Type"] == "AWS::Lambda::Function"]
    properties = function["Properties"]
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["x86_64"]), properties
    return [resolved(layer, template.get("Parameters", {}), given) for layer in properties["Layers"]]


def resolved(value, parameters, given):
    if isinstance(value, str):
        return value
    parameter = parameters[value["Ref"]]
    value = given.get(value["Ref"], parameter.get("Default"))
    if parameter["Type"] == "AWS::SSM::Parameter::Value<String>":
        return boto3.client("ssm").get_parameter(Name=value)["Parameter"]["Value"]
    assert re.fullmatch(parameter["AllowedPattern"], value), value
    return value


def given_as_output(template):
    """The same template with the parameter of a workflow's output."""
    other = yaml.safe_load((FOLDER / "output/parameters.yaml").read_text())
    return {**template, "Parameters": {**template["Parameters"], **other["Parameters"]}}


def lint(tool, template):
    file = FOLDER / tool / "output.json"
    file.write_text(json.dumps(template))
    run(PYTHON_BIN / "cfn-lint", f"{tool}/template.yaml", f"{tool}/output.json")


def cloudformation():
    template = plain(load_template(str(FOLDER / "cloudformation/template.yaml")))
    lint("cloudformation", given_as_output(template))
    yield layers_of(template), PRODUCTION
    yield layers_of(given_as_output(template), SharedLayer=PUBLISHED), PUBLISHED
    # As the page writes it for the command line.
    options = "--stack-name", "orders", "--template-file", "cloudformation/output.json"
    run(PYTHON_BIN / "aws", "cloudformation", "deploy", *options, "--parameter-overrides", f"SharedLayer={PUBLISHED}")
    stack = boto3.client("cloudformation").describe_stacks(StackName="orders")["Stacks"][0]
    yield [parameter["ParameterValue"] for parameter in stack["Parameters"]], PUBLISHED


def sam():
    template = plain(load_template(str(FOLDER / "sam/template.yaml")))
    lint("sam", given_as_output(template))
    for template, parameters, version in (
        (template, {}, PRODUCTION),
        (given_as_output(template), {"SharedLayer": PUBLISHED}, PUBLISHED),
    ):
        packaged = copy.deepcopy(template)  # what `sam package` does
        packaged["Resources"]["Orders"]["Properties"]["CodeUri"] = "s3://acme-layers/orders.zip"
        translated = transform(packaged, dict(parameters), ManagedPolicies())
        yield layers_of(translated, **parameters), version


class ManagedPolicies:
    """What `sam deploy` asks IAM for."""

    def load(self):
        return {"AWSLambdaBasicExecutionRole": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}


def cdk(folder, app):
    for place, options, version in (("parameter", [], PRODUCTION), ("output", ["--context", f"layer-arn={PUBLISHED}"], PUBLISHED)):
        run(BIN / "cdk", "synth", "--quiet", "--no-notices", "--app", app, "--output", place, *options, folder=folder)
        made = FOLDER / folder / place / "Orders.template.json"
        yield layers_of(json.loads(made.read_text())), version


def cdk_python():
    return cdk("cdk-python", f"{sys.executable} app.py")


def cdk_typescript():
    options = "--strict --skipLibCheck --target es2022 --module nodenext --moduleResolution nodenext".split()
    run(BIN / "tsc", *options, "app.ts", folder="cdk-typescript")
    return cdk("cdk-typescript", "node app.js")


def serverless():
    for options, version in (([], PRODUCTION), (["--param", f"layer-arn={PUBLISHED}"], PUBLISHED)):
        run(BIN / "osls", "package", *options, folder="serverless")
        made = FOLDER / "serverless/.serverless/cloudformation-template-update-stack.json"
        yield layers_of(json.loads(made.read_text())), version


def terraform():
    """Parsed by HashiCorp's own parser; arguments and attributes are compared with those of the provider."""
    parse = "const {convertFiles: c} = require('@cdktn/hcl2json'); c(process.argv[1]).then(r => console.log(JSON.stringify(r)))"
    blocks = json.loads(run("node", "--eval", parse, FOLDER / "terraform"))
    known(blocks["resource"]["aws_lambda_function"]["orders"][0], "lambda-function")
    known(blocks["data"]["aws_ssm_parameter"]["shared"][0], "data-aws-ssm-parameter", "insecure_value")
    assert blocks["data"]["aws_ssm_parameter"]["shared"][0]["name"] == PARAMETER
    assert blocks["variable"]["layer_arn"] == [{"default": None, "type": "${string}"}], blocks["variable"]
    yield blocks["resource"]["aws_lambda_function"]["orders"][0]["layers"], "${coalesce(var.layer_arn, data.aws_ssm_parameter.shared.insecure_value)}"

    blocks = json.loads(run("node", "--eval", parse, FOLDER / "list"))
    known(blocks["data"]["aws_s3_object"]["shared"][0], "data-aws-s3-object", "body")
    where = blocks["data"]["aws_s3_object"]["shared"][0]
    found = boto3.client("s3").get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
    expression = blocks["locals"][0]["layer_arn"]
    steps = re.fullmatch(r"\$\{jsondecode\(data\.aws_s3_object\.shared\.body\)\.(\w+)\.(\w+)\[\"(.*)\"\]\}", expression)
    yield [json.loads(found)[steps[1]][steps[2]][steps[3]]], PRODUCTION


def known(block, module, attribute=None):
    """The provider as the CDK for Terraform describes it, which is generated from the provider's own schema."""
    described = (FOLDER / f"provider/package/lib/{module}/index.d.ts").read_text()
    camel = lambda name: re.sub(r"_(\w)", lambda found: found[1].upper(), name)
    for name in block:
        assert re.search(rf"readonly {camel(name)}\??:", described), f"{module} has no argument `{name}`"
    assert not attribute or f"get {camel(attribute)}()" in described, f"{module} has no attribute `{attribute}`"


def shell():
    yield run("bash", "-euo", "pipefail", "list/read.sh").split(), PRODUCTION


def plain(value):
    """Without the parser's own types."""
    return json.loads(json.dumps(value if isinstance(value, dict) else value[0]))


def check(tool):
    return [(got if isinstance(got, list) else [got], [wanted]) for got, wanted in tool()]


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
os.environ.update(
    AWS_ENDPOINT_URL="http://{}:{}".format(*server.get_host_and_port()),
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_REGION=REGION,
    AWS_DEFAULT_REGION=REGION,
    PATH=f"{PYTHON_BIN}:{os.environ['PATH']}",
    SLS_TELEMETRY_DISABLED="1",
    CDK_DISABLE_CLI_TELEMETRY="true",
)
examples()
account()
tools = [cloudformation, sam, cdk_python, cdk_typescript, serverless, terraform, shell]
with concurrent.futures.ThreadPoolExecutor() as pool:
    failed = False
    for tool, results in [(tool, pool.submit(check, tool)) for tool in tools]:
        for got, wanted in results.result():
            good = got == wanted
            failed |= not good
            print(f"{'ok' if good else 'error'}: {tool.__name__}: {' '.join(got)}" + ("" if good else f", not {wanted[0]}"))
server.stop()
sys.exit(failed)
