//! How much of Lambda's limit a function uses without the layer in question: its code and its other layers, unzipped.
//!
//! The API returns zipped sizes only, so the unzipped sizes are read from the directory at the end of each zip.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_config::SdkConfig;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::FunctionConfiguration;
use tokio::sync::OnceCell;

use crate::aws::{download, errors};
use crate::error::counted;
use crate::facts;
use crate::types::{ByteSize, LayerVersionArn};

/// What a function uses, in unzipped bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) code: ByteSize,
    /// The sum of all other layers.
    pub(crate) layers: ByteSize,
    /// The number of other layers.
    pub(crate) count: usize,
}

impl Taken {
    pub(crate) fn left(&self) -> ByteSize {
        ByteSize(facts::limits().unzipped_size.saturating_sub(self.code.0).saturating_sub(self.layers.0))
    }

    /// `… has 100 MB of code and 140 MB in 1 other layer, which leaves 10 MB of Lambda's 250 MB`
    pub(crate) fn describe(&self, shown: &str) -> String {
        let Self { code, layers, count } = self;
        let others =
            if *count == 0 { String::new() } else { format!(" and {layers} in {}", counted(*count, "other layer")) };
        let (left, limit) = (self.left(), ByteSize(facts::limits().unzipped_size));
        format!("{shown} has {code} of code{others}, which leaves {left} of Lambda's {limit}")
    }
}

/// The unzipped sizes of layers in one region; each version is looked up only once.
#[derive(Debug)]
pub(crate) struct Sizes {
    config: SdkConfig,
    lambda: aws_sdk_lambda::Client,
    known: RefCell<BTreeMap<LayerVersionArn, Rc<OnceCell<ByteSize>>>>,
}

impl Sizes {
    pub(crate) fn new(config: SdkConfig, lambda: aws_sdk_lambda::Client) -> Self {
        Self { config, lambda, known: RefCell::default() }
    }

    /// What a function uses without the layers that will be replaced.
    ///
    /// # Errors
    /// AWS refuses a request; for a missing permission, the hint has the policy statement.
    pub(crate) async fn taken(
        &self,
        function: &str,
        found: &GetFunctionOutput,
        makes_room: impl Fn(&LayerVersionArn) -> bool,
    ) -> anyhow::Result<Taken> {
        let settings = found.configuration();
        let zipped = settings.map_or(0, |settings| u64::try_from(settings.code_size()).unwrap_or(0));
        let location = found.code().and_then(|code| code.location()).unwrap_or_default();
        let code = download::unzipped_size(&self.config, location, function, ByteSize(zipped)).await?;
        let (mut layers, mut count) = (0, 0);
        for layer in settings.map(FunctionConfiguration::layers).unwrap_or_default() {
            let Some(arn) = layer.arn().and_then(|arn| arn.parse::<LayerVersionArn>().ok()) else { continue };
            if makes_room(&arn) {
                continue;
            }
            layers += self.of_layer(&arn).await?.0;
            count += 1;
        }
        Ok(Taken { code, layers: ByteSize(layers), count })
    }

    /// # Errors
    /// The same as for [`Self::taken`].
    pub(crate) async fn of_layer(&self, arn: &LayerVersionArn) -> anyhow::Result<ByteSize> {
        let cell = Rc::clone(self.known.borrow_mut().entry(arn.clone()).or_default());
        cell.get_or_try_init(|| self.ask(arn)).await.copied()
    }

    async fn ask(&self, arn: &LayerVersionArn) -> anyhow::Result<ByteSize> {
        let (text, number) = (arn.to_string(), i64::try_from(arn.version())?);
        let version = self.lambda.get_layer_version().layer_name(arn.layer_arn()).version_number(number).send().await;
        let version = version.map_err(|error| errors::explain("lambda:GetLayerVersion", &text, &error))?;
        let content = version.content();
        let zipped = content.map_or(0, |content| u64::try_from(content.code_size()).unwrap_or(0));
        let location = content.and_then(|content| content.location()).unwrap_or_default();
        download::unzipped_size(&self.config, location, &text, ByteSize(zipped)).await
    }
}
