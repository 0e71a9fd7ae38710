//! Reads and writes the parameters of a layer in one account and region.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssm::operation::delete_parameter::DeleteParameterError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use tokio::time::Instant;

use crate::aws::errors;
use crate::facts;
use crate::registry::aws::PlaceClients;
use crate::types::{LayerName, LayerVersionArn};

/// The most names in one `GetParameters`.
const NAMES: usize = 10;
/// How long a write is repeated while Parameter Store is busy, and the pause in between.
const PATIENCE: Duration = Duration::from_mins(5);
const REST: Duration = Duration::from_millis(500);

pub(super) struct Parameters<'a> {
    client: Client,
    clients: &'a PlaceClients,
    layer: &'a LayerName,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Version(LayerVersionArn),
    /// A value that this program never writes.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// Another program created it meanwhile.
    Exists,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(clients: &'a PlaceClients, layer: &'a LayerName) -> Self {
        Self { client: Client::new(&clients.config), clients, layer }
    }

    /// The values of the parameters that exist.
    pub(super) async fn read(&self, names: &[&str]) -> anyhow::Result<BTreeMap<String, Held>> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let request = self.client.get_parameters().set_names(Some(names.iter().map(ToString::to_string).collect()));
            let reply = request.send().await;
            let reply = reply.map_err(|error| errors::explain("ssm:GetParameters", &self.arn(names[0]), &error))?;
            for parameter in reply.parameters.unwrap_or_default() {
                found.insert(parameter.name().unwrap_or_default().to_owned(), self.held(&parameter));
            }
        }
        Ok(found)
    }

    /// Writes a parameter. With `overwrites`, it existed when it was read; one that was created since then has to be
    /// read first.
    pub(super) async fn put(&self, name: &str, arn: &LayerVersionArn, overwrites: bool) -> anyhow::Result<Put> {
        let request = self.client.put_parameter().name(name).value(arn.to_string()).r#type(ParameterType::String);
        let request = request.description(format!("Version of the Lambda layer {}", self.layer)).overwrite(overwrites);
        match self.patiently(|| request.clone().send()).await {
            Ok(_) => Ok(Put::Done),
            Err(error)
                if error.as_service_error().is_some_and(PutParameterError::is_parameter_already_exists)
                    && !overwrites =>
            {
                Ok(Put::Exists)
            }
            Err(error) => Err(errors::explain("ssm:PutParameter", &self.arn(name), &error)),
        }
    }

    pub(super) async fn delete(&self, name: &str) -> anyhow::Result<()> {
        let request = self.client.delete_parameter().name(name);
        match self.patiently(|| request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(DeleteParameterError::is_parameter_not_found) => Ok(()),
            Err(error) => Err(errors::explain("ssm:DeleteParameter", &self.arn(name), &error)),
        }
    }

    /// Sends a write until Parameter Store accepts it: everything in the account shares a quota of a few writes per
    /// second.
    async fn patiently<T, E: ProvideErrorMetadata>(
        &self,
        send: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, SdkError<E, HttpResponse>> {
        let start = Instant::now();
        loop {
            self.clients.parameter_writes.turn().await;
            match send().await {
                Err(error) if is_busy(error.code()) && start.elapsed() < PATIENCE => tokio::time::sleep(REST).await,
                sent => return sent,
            }
        }
    }

    fn held(&self, parameter: &Parameter) -> Held {
        let is_text = parameter.r#type() == Some(&ParameterType::String);
        let arn: Option<LayerVersionArn> = parameter.value().filter(|_| is_text).and_then(|value| value.parse().ok());
        match arn.filter(|arn| arn.layer() == self.layer.as_str() && self.clients.place.is(&arn.destination())) {
            Some(arn) => Held::Version(arn),
            None => Held::Other,
        }
    }

    fn arn(&self, name: &str) -> String {
        let region = &self.clients.place.region;
        let account = self.clients.place.account.as_ref().map_or("*", |account| account.as_str());
        format!("arn:{}:ssm:{region}:{account}:parameter/{}", facts::partition(region), name.trim_start_matches('/'))
    }
}

/// `TooManyUpdates`: another request is writing the same parameter (Systems Manager API, `PutParameter`).
fn is_busy(code: Option<&str>) -> bool {
    matches!(code, Some("ThrottlingException" | "Throttling" | "TooManyUpdates"))
}
