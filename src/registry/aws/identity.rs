//! Who a run is to AWS: the identity that it was started with, roles that this one assumes, or roles that GitHub's
//! OpenID Connect vouches for.

use std::time::SystemTime;

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use tokio::sync::Mutex;

use crate::environment::Environment;
use crate::error::{Failure, Kind, Problems};
use crate::registry::aws_error;
use crate::types::{AccountId, RoleArn};

/// Shown in CloudTrail, before the number of the workflow run.
const SESSION: &str = "lambda-layer";

/// A role, and how to get its credentials.
#[derive(Debug)]
struct AssumedRole {
    sts: aws_sdk_sts::Client,
    role: RoleArn,
    external_id: Option<String>,
    session: String,
    /// Of the question whether the role can be assumed: good for the first request, too.
    first: Mutex<Option<Credentials>>,
}

impl AssumedRole {
    async fn assume(&self) -> anyhow::Result<Credentials> {
        let request = self.sts.assume_role().role_arn(self.role.as_str()).role_session_name(&self.session);
        let reply = request.set_external_id(self.external_id.clone()).send().await;
        let reply = reply.map_err(|error| self.explain(&error))?;
        let given = reply.credentials.context("AWS gives no credentials for the role")?;
        let expires = SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), expires, "role"))
    }

    fn explain(&self, error: &SdkError<aws_sdk_sts::operation::assume_role::AssumeRoleError>) -> anyhow::Error {
        let role = &self.role;
        let failed = aws_error::failure_of("sts:AssumeRole", role.as_str(), error);
        if error.code() != Some("AccessDenied") {
            return failed.into();
        }
        let condition = match &self.external_id {
            Some(id) => format!(r#", "Condition": {{"StringEquals": {{"sts:ExternalId": "{id}"}}}}"#),
            None => String::new(),
        };
        let trust = format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "ARN OF THIS RUN'S ROLE"}}, "Action": "sts:AssumeRole"{condition}}}"#
        );
        Failure { kind: Kind::User, message: format!("the role `{role}` cannot be assumed"), ..failed }
            .hint(format!("add to its trust policy {trust}, and allow this run's role `sts:AssumeRole` on it"))
            .into()
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            if let Some(credentials) = self.first.lock().await.take() {
                return Ok(credentials);
            }
            self.assume().await.map_err(|error| CredentialsError::provider_error(error.to_string()))
        })
    }
}

/// The configuration of each role, in the user's order, once it is sure that all can be assumed.
///
/// # Errors
/// All roles that cannot be assumed, at once.
pub(crate) async fn assume_all(
    roles: &[RoleArn],
    external_id: Option<&str>,
    config: &SdkConfig,
    environment: &Environment,
) -> anyhow::Result<Vec<(AccountId, SdkConfig)>> {
    let session = session(environment);
    let assumed = roles.iter().map(|role| {
        let assumed = AssumedRole {
            sts: aws_sdk_sts::Client::new(config),
            role: role.clone(),
            external_id: external_id.map(str::to_owned),
            session: session.clone(),
            first: Mutex::new(None),
        };
        async move {
            let credentials = assumed.assume().await?;
            *assumed.first.lock().await = Some(credentials);
            anyhow::Ok((role.account(), assumed))
        }
    });
    let mut configs = Vec::new();
    let (mut problems, mut faults) = (Problems::default(), Vec::new());
    for result in futures::future::join_all(assumed).await {
        match result {
            Ok((account, assumed)) => {
                let provider = aws_credential_types::provider::SharedCredentialsProvider::new(assumed);
                configs.push((account, config.to_builder().credentials_provider(provider).build()));
            }
            Err(error) => match error.downcast::<Failure>() {
                Ok(failure) if failure.kind == Kind::User => problems.push(failure),
                Ok(failure) => faults.push(failure.into()),
                Err(error) => faults.push(error),
            },
        }
    }
    problems.into_result()?;
    match faults.pop() {
        Some(fault) => Err(fault),
        None => Ok(configs),
    }
}

/// The account of the run's own identity.
pub(crate) async fn own_account(config: &SdkConfig) -> anyhow::Result<AccountId> {
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let identity = identity.map_err(|error| aws_error::explain("sts:GetCallerIdentity", "*", &error))?;
    Ok(identity.account.context("AWS does not say whose credentials these are")?.parse()?)
}

/// `lambda-layer-123`; at most 64 characters of `[\w+=,.@-]` (STS API, `AssumeRole`).
fn session(environment: &Environment) -> String {
    match environment.get("GITHUB_RUN_ID").filter(|id| id.len() < 40 && id.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(id) => format!("{SESSION}-{id}"),
        None => SESSION.to_owned(),
    }
}
