//! An AWS account on moto: what a test looks at and tampers with.

use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};

use crate::harness::{Moto, Run, Sandbox};
use crate::proxy::Proxy;

/// The layer that the tests publish.
pub(crate) const LAYER: &str = "shared";
pub(crate) const EU: &str = "eu-west-1";
pub(crate) const US: &str = "us-east-1";

pub(crate) struct Account {
    pub(crate) moto: Moto,
    /// Runs go through it; the test itself does not.
    pub(crate) proxy: Proxy,
    runtime: tokio::runtime::Runtime,
}

/// A version as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) number: i64,
    pub(crate) arn: String,
    pub(crate) description: String,
    pub(crate) code_sha256: String,
}

impl Account {
    pub(crate) fn new() -> Self {
        let moto = Moto::start();
        let proxy = Proxy::before(&moto);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("can be built");
        Self { moto, proxy, runtime }
    }

    /// What a request of the test itself comes to.
    pub(crate) fn block_on<F: Future>(&self, request: F) -> F::Output {
        self.runtime.block_on(request)
    }

    /// With the bucket `layers-REGION` in each region.
    pub(crate) fn with_buckets(regions: &[&str]) -> Self {
        let account = Self::new();
        for region in regions {
            account.make_bucket(&format!("layers-{region}"), region);
        }
        account
    }

    /// A run against this account.
    pub(crate) fn run(&self, sandbox: &Sandbox, command: &str, arguments: &[&str]) -> Run {
        let run = sandbox.run(&[command, "--registry", "aws", "--layer-name", LAYER, "--python-version", "3.13"]);
        self.seen_by(run.args(arguments))
    }

    /// A run that knows this account.
    pub(crate) fn seen_by(&self, run: Run) -> Run {
        let run = self.moto.variables().iter().fold(run, |run, (name, value)| run.env(name, value));
        run.env("AWS_ENDPOINT_URL", self.proxy.url())
    }

    /// `publish` through the bucket of the region.
    pub(crate) fn publish(&self, sandbox: &Sandbox, arguments: &[&str]) -> Run {
        self.run(sandbox, "publish", &["--bucket", "layers-{region}"]).args(arguments)
    }

    pub(crate) fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(self.moto.url())
            .force_path_style(true)
            .region(Region::new(region.to_owned()));
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub(crate) fn lambda(&self, region: &str) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(self.moto.url())
            .region(Region::new(region.to_owned()));
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// Credentials of another account: key, secret, token.
    pub(crate) fn keys_of(&self, account: &str) -> (String, String, String) {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("testing", "testing", None, None, "test"))
            .endpoint_url(self.moto.url())
            .region(Region::new(EU.to_owned()));
        let sts = aws_sdk_sts::Client::from_conf(config.build());
        let assumed = sts.assume_role().role_arn(role(account)).role_session_name("test").send();
        let keys = self.runtime.block_on(assumed).expect("can be assumed").credentials.expect("has keys");
        (keys.access_key_id, keys.secret_access_key, keys.session_token)
    }

    /// The Lambda of another account, as a role of it sees it.
    pub(crate) fn lambda_of(&self, account: &str, region: &str) -> aws_sdk_lambda::Client {
        let (key, secret, token) = self.keys_of(account);
        let keys = Credentials::new(key, secret, Some(token), None, "assumed");
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(keys)
            .endpoint_url(self.moto.url())
            .region(Region::new(region.to_owned()));
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// Numbers of all versions in another account, oldest first.
    pub(crate) fn numbers_of(&self, account: &str, region: &str) -> Vec<i64> {
        let listed = self.lambda_of(account, region).list_layer_versions().layer_name(LAYER).send();
        let listed = self.runtime.block_on(listed).expect("can be listed").layer_versions.unwrap_or_default();
        let mut numbers: Vec<i64> = listed.iter().map(aws_sdk_lambda::types::LayerVersionsListItem::version).collect();
        numbers.sort_unstable();
        numbers
    }

    pub(crate) fn put_parameter(&self, region: &str, name: &str, value: &str) {
        let config = aws_sdk_ssm::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(self.moto.url())
            .region(Region::new(region.to_owned()));
        let put = aws_sdk_ssm::Client::from_conf(config.build()).put_parameter().name(name).value(value);
        let sent = put.r#type(aws_sdk_ssm::types::ParameterType::String).overwrite(true).send();
        self.runtime.block_on(sent).expect("can be written");
    }

    pub(crate) fn make_bucket(&self, name: &str, region: &str) {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
        let place = (region != US).then(|| place.build());
        let request = self.s3(region).create_bucket().bucket(name).set_create_bucket_configuration(place);
        self.runtime.block_on(request.send()).expect("can be made");
    }

    pub(crate) fn keys(&self, region: &str) -> Vec<String> {
        let listed = self.s3(region).list_objects_v2().bucket(format!("layers-{region}")).send();
        let listed = self.runtime.block_on(listed).expect("can be listed");
        listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    pub(crate) fn object(&self, region: &str, key: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let object = self.s3(region).get_object().bucket(format!("layers-{region}")).key(key).send().await;
            object.expect("is there").body.collect().await.expect("can be read").to_vec()
        })
    }

    pub(crate) fn put_object(&self, region: &str, key: &str, bytes: &[u8]) {
        let body = aws_sdk_s3::primitives::ByteStream::from(bytes.to_vec());
        let put = self.s3(region).put_object().bucket(format!("layers-{region}")).key(key).body(body).send();
        self.runtime.block_on(put).expect("can be written");
    }

    pub(crate) fn delete_object(&self, region: &str, key: &str) {
        let deleted = self.s3(region).delete_object().bucket(format!("layers-{region}")).key(key).send();
        self.runtime.block_on(deleted).expect("can be deleted");
    }

    /// The state in the bucket of the region.
    pub(crate) fn state(&self, region: &str) -> serde_json::Value {
        serde_json::from_slice(&self.object(region, STATE)).expect("is JSON")
    }

    /// All versions, oldest first.
    pub(crate) fn versions(&self, region: &str) -> Vec<Published> {
        self.runtime.block_on(async {
            let lambda = self.lambda(region);
            let listed = lambda.list_layer_versions().layer_name(LAYER).send().await;
            let mut versions = Vec::new();
            for version in listed.map(|listed| listed.layer_versions.unwrap_or_default()).unwrap_or_default() {
                let got = lambda.get_layer_version().layer_name(LAYER).version_number(version.version()).send().await;
                let got = got.expect("is there");
                versions.push(Published {
                    number: got.version(),
                    arn: got.layer_version_arn().expect("has an ARN").to_owned(),
                    description: got.description().unwrap_or_default().to_owned(),
                    code_sha256: got.content().and_then(|content| content.code_sha256()).unwrap_or_default().to_owned(),
                });
            }
            versions.sort_by_key(|version| version.number);
            versions
        })
    }

    /// Numbers of all versions, oldest first.
    pub(crate) fn numbers(&self, region: &str) -> Vec<i64> {
        self.versions(region).iter().map(|version| version.number).collect()
    }

    /// Publishes a zip as another tool would, and gives the ARN of the version.
    pub(crate) fn publish_by_hand(&self, region: &str, layer: &str, zip: &[u8], runtimes: &[&str]) -> String {
        use aws_sdk_lambda::types::{LayerVersionContentInput, Runtime};
        let content = LayerVersionContentInput::builder().zip_file(zip.to_vec().into()).build();
        let runtimes = runtimes.iter().map(|name| Runtime::from(*name)).collect();
        let request = self.lambda(region).publish_layer_version().layer_name(layer).content(content);
        let sent = self.runtime.block_on(request.set_compatible_runtimes(Some(runtimes)).send());
        sent.expect("can be published").layer_version_arn().expect("has an ARN").to_owned()
    }

    /// A function with this code and these layers.
    pub(crate) fn make_function(&self, region: &str, name: &str, zip: &[u8], layers: &[&str]) {
        self.make_function_on(region, name, zip, layers, ("python3.13", "x86_64"));
    }

    /// A function of this runtime and architecture.
    pub(crate) fn make_function_on(
        &self,
        region: &str,
        name: &str,
        zip: &[u8],
        layers: &[&str],
        (runtime, architecture): (&str, &str),
    ) {
        use aws_sdk_lambda::types::{Architecture, FunctionCode, Runtime};
        let bucket = format!("code-{region}");
        if self.runtime.block_on(self.s3(region).head_bucket().bucket(&bucket).send()).is_err() {
            self.make_bucket(&bucket, region);
        }
        let body = aws_sdk_s3::primitives::ByteStream::from(zip.to_vec());
        let put = self.s3(region).put_object().bucket(&bucket).key("code.zip").body(body).send();
        self.runtime.block_on(put).expect("can be written");
        let code = FunctionCode::builder().s3_bucket(bucket).s3_key("code.zip").build();
        let request = self.lambda(region).create_function().function_name(name).code(code).handler("app.handler");
        let layers = layers.iter().map(|arn| (*arn).to_owned()).collect();
        let request = request.runtime(Runtime::from(runtime)).architectures(Architecture::from(architecture));
        let request = request.role(self.make_role()).set_layers(Some(layers));
        self.runtime.block_on(request.send()).expect("can be made");
    }

    /// ARNs of the layers of a function, in its order.
    pub(crate) fn layers_of(&self, region: &str, function: &str) -> Vec<String> {
        let asked = self.lambda(region).get_function_configuration().function_name(function).send();
        let settings = self.runtime.block_on(asked).expect("is there");
        settings.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect()
    }

    pub(crate) fn tag_function(&self, region: &str, function: &str, key: &str, value: &str) {
        let arn = format!("arn:aws:lambda:{region}:123456789012:function:{function}");
        let tagged = self.lambda(region).tag_resource().resource(arn).tags(key, value).send();
        self.runtime.block_on(tagged).expect("can be tagged");
    }

    /// Ids of the statements of a version's policy, sorted.
    pub(crate) fn statements(&self, region: &str, number: i64) -> Vec<String> {
        let asked = self.lambda(region).get_layer_version_policy().layer_name(LAYER).version_number(number).send();
        let Ok(reply) = self.runtime.block_on(asked) else { return Vec::new() };
        let policy: serde_json::Value = serde_json::from_str(reply.policy().unwrap_or_default()).expect("is JSON");
        let statements = policy["Statement"].as_array().expect("is a list").iter();
        let mut ids: Vec<String> =
            statements.map(|statement| statement["Sid"].as_str().expect("has an id").to_owned()).collect();
        ids.sort();
        ids
    }

    /// A statement as another tool would make it.
    pub(crate) fn share_by_hand(&self, region: &str, number: i64, id: &str, principal: &str) {
        let request = self.lambda(region).add_layer_version_permission().layer_name(LAYER).version_number(number);
        let request = request.statement_id(id).action("lambda:GetLayerVersion").principal(principal);
        self.runtime.block_on(request.send()).expect("can be shared");
    }

    /// A role that Lambda may assume, which moto wants to exist.
    fn make_role(&self) -> String {
        self.moto.post("iam", MAKE_ROLE);
        "arn:aws:iam::123456789012:role/runs".to_owned()
    }

    /// Publishes what a function is now as its next version.
    pub(crate) fn publish_function(&self, region: &str, name: &str) {
        let sent = self.lambda(region).publish_version().function_name(name).send();
        self.runtime.block_on(sent).expect("can be published");
    }

    /// Gives a function these layers and no others.
    pub(crate) fn set_layers(&self, region: &str, name: &str, layers: &[&str]) {
        let layers = layers.iter().map(|arn| (*arn).to_owned()).collect();
        let request = self.lambda(region).update_function_configuration().function_name(name);
        self.runtime.block_on(request.set_layers(Some(layers)).send()).expect("can be changed");
    }

    pub(crate) fn delete_version(&self, region: &str, number: i64) {
        let deleted = self.lambda(region).delete_layer_version().layer_name(LAYER).version_number(number).send();
        self.runtime.block_on(deleted).expect("can be deleted");
    }
}

/// A role of another account, which moto lets everybody assume.
pub(crate) fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/layers")
}

/// Key of the state in a bucket.
pub(crate) const STATE: &str = "lambda-layers/state/shared.json";
/// In the path of a request to publish a version, or to list them.
pub(crate) const VERSIONS: &str = "/layers/shared/versions";
/// A call of IAM: the role `runs`.
pub(crate) const MAKE_ROLE: &str = "Action=CreateRole&Version=2010-05-08&RoleName=runs\
    &AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%7D";
