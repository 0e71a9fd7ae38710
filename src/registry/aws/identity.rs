//! The AWS identity of a run: its own credentials, roles that these assume, or roles that it assumes with a token of
//! GitHub's OpenID Connect.

use std::time::SystemTime;

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::github::GitHub;
use crate::aws::errors;
use crate::environment::Environment;
use crate::error::{Failure, Kind, Problems};
use crate::types::{AccountId, RoleArn};

/// The prefix of the session name in CloudTrail, before the number of the workflow run.
const SESSION: &str = "lambda-layer";

/// The credentials with which a role is assumed.
#[derive(Clone, Debug)]
pub(crate) enum Voucher {
    /// The run's own credentials.
    Own {
        external_id: Option<String>,
    },
    GitHub(Box<GitHub>),
}

/// A role, and how to get its credentials.
#[derive(Debug)]
struct AssumedRole {
    sts: aws_sdk_sts::Client,
    role: RoleArn,
    voucher: Voucher,
    session: String,
    /// The credentials from the check whether the role can be assumed, which the first request uses.
    first: Mutex<Option<Credentials>>,
}

impl AssumedRole {
    async fn assume(&self) -> anyhow::Result<Credentials> {
        let given = match &self.voucher {
            Voucher::Own { external_id } => {
                let request = self.sts.assume_role().role_arn(self.role.as_str()).role_session_name(&self.session);
                let reply = request.set_external_id(external_id.clone()).send().await;
                reply.map_err(|error| self.explain(&error, external_id.as_deref()))?.credentials
            }
            Voucher::GitHub(github) => {
                let token = github.token(&self.role).await?;
                let request = self.sts.assume_role_with_web_identity().role_arn(self.role.as_str());
                let request = request.role_session_name(&self.session).web_identity_token(token.expose_secret());
                let reply = request.send().await;
                reply.map_err(|error| self.explain_web_identity(&error, github, &token))?.credentials
            }
        };
        let given = given.context("AWS returned no credentials for the role")?;
        let expires = SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), expires, "role"))
    }

    fn explain_web_identity(
        &self,
        error: &SdkError<AssumeRoleWithWebIdentityError>,
        github: &GitHub,
        token: &SecretString,
    ) -> anyhow::Error {
        let role = &self.role;
        // This action needs the role's trust and no permission.
        let mut failed = errors::failure_of("AssumeRoleWithWebIdentity", role.as_str(), error);
        // AWS should never repeat the token in a reply; in case it does, the token is hidden.
        failed.causes.iter_mut().for_each(|cause| *cause = cause.replace(token.expose_secret(), "***"));
        let advice = match error.code() {
            Some("AccessDenied") if errors::is_denied_from_above(error) => return failed.into(),
            Some("AccessDenied") => "add to the role's trust policy",
            Some("InvalidIdentityToken") => {
                "add GitHub as an identity provider to the account, and add to the role's trust policy"
            }
            _ => return failed.into(),
        };
        Failure {
            kind: Kind::User,
            message: format!("could not assume the role `{role}` with GitHub's token"),
            ..failed
        }
        .hint(format!("{advice} {}", github.trust(role, token)))
        .into()
    }

    fn explain(&self, error: &SdkError<AssumeRoleError>, external_id: Option<&str>) -> anyhow::Error {
        let role = &self.role;
        let failed = errors::failure_of("sts:AssumeRole", role.as_str(), error);
        if error.code() != Some("AccessDenied") || errors::is_denied_from_above(error) {
            return failed.into();
        }
        let condition = match external_id {
            Some(id) => format!(r#", "Condition": {{"StringEquals": {{"sts:ExternalId": "{id}"}}}}"#),
            None => String::new(),
        };
        let trust = format!(
            r#"{{"Effect": "Allow", "Principal": {{"AWS": "ARN OF THIS RUN'S ROLE"}}, "Action": "sts:AssumeRole"{condition}}}"#
        );
        Failure { kind: Kind::User, message: format!("could not assume the role `{role}`"), ..failed }
            .hint(format!(
                "add to the role's trust policy {trust}, and allow the role of this run to call `sts:AssumeRole` on it"
            ))
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

/// The configuration for each role, in the user's order, after all of them were assumed.
///
/// # Errors
/// Some roles cannot be assumed; the error names all of them.
pub(crate) async fn assume_all(
    roles: &[RoleArn],
    voucher: &Voucher,
    config: &SdkConfig,
    environment: &Environment,
) -> anyhow::Result<Vec<(AccountId, SdkConfig)>> {
    let session = session(environment);
    let assumed = roles.iter().map(|role| {
        let assumed = AssumedRole {
            sts: aws_sdk_sts::Client::new(config),
            role: role.clone(),
            voucher: voucher.clone(),
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

impl Voucher {
    /// The credentials for assuming roles: GitHub's token if the run has no credentials of its own and may request one,
    /// otherwise its own.
    ///
    /// # Errors
    /// There is an external id, which cannot be used with GitHub's token.
    pub(crate) fn of(
        environment: &Environment,
        config: &SdkConfig,
        external_id: Option<&str>,
    ) -> Result<Self, Failure> {
        match (GitHub::of(environment, config), external_id) {
            (None, external_id) => Ok(Self::Own { external_id: external_id.map(str::to_owned) }),
            (Some(github), None) => Ok(Self::GitHub(Box::new(github))),
            (Some(_), Some(_)) => {
                let failure = Failure::user("`external-id` is given, but roles are assumed with GitHub's token");
                Err(failure.hint(
                    "remove `external-id`, or run aws-actions/configure-aws-credentials before this step to get an identity that can assume the roles",
                ))
            }
        }
    }
}

/// The account of the run's own identity.
pub(crate) async fn own_account(config: &SdkConfig) -> anyhow::Result<AccountId> {
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let identity = identity.map_err(|error| errors::explain("sts:GetCallerIdentity", "*", &error))?;
    Ok(identity.account.context("AWS did not return the account of these credentials")?.parse()?)
}

/// The session name, such as `lambda-layer-123`: at most 64 characters of `[\w+=,.@-]` (STS API, `AssumeRole`).
fn session(environment: &Environment) -> String {
    match environment.get("GITHUB_RUN_ID").filter(|id| id.len() < 40 && id.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(id) => format!("{SESSION}-{id}"),
        None => SESSION.to_owned(),
    }
}
