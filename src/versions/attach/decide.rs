//! Decides which layers a function gets, and which functions must not have a version. Lambda would refuse most of
//! these, too, but only after other functions were changed.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_layer_version::GetLayerVersionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, Layer, PackageType, Runtime};

use crate::audit::budget::Sizes;
use crate::error::{Failure, alternatives};
use crate::facts;
use crate::types::{ByteSize, LayerVersionArn};

/// The layers of a function, including the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The number of the version of this layer that the function has now.
    before: Option<u64>,
    /// ARNs of all layers, in the function's order.
    pub(super) after: Vec<String>,
}

impl Placed {
    /// Puts the version in the place of another version of the same layer, or at the end if there is none.
    pub(super) fn new(settings: &FunctionConfiguration, version: &LayerVersionArn) -> Self {
        let layers = settings.layers().iter().filter_map(Layer::arn);
        let (mut before, mut after) = (None, Vec::new());
        for layer in layers {
            match layer.parse::<LayerVersionArn>() {
                Ok(known) if known.layer_arn() == version.layer_arn() => {
                    before = Some(known.version());
                    after.push(version.to_string());
                }
                _ => after.push(layer.to_owned()),
            }
        }
        if before.is_none() {
            after.push(version.to_string());
        }
        Self { before, after }
    }

    /// For example `version 6 → 7`, or `version 7, as layer 3 of 3`.
    pub(super) fn detail(&self, version: &LayerVersionArn) -> String {
        let number = version.version();
        match self.before {
            Some(before) if before == number => format!("version {number}"),
            Some(before) => format!("version {before} → {number}"),
            None => format!("version {number}, as layer {0} of {0}", self.after.len()),
        }
    }
}

/// Whether the function has the version, or will have it after the update that is under way. A failed update left the
/// function as it was.
pub(super) fn has(settings: &FunctionConfiguration, version: &LayerVersionArn) -> bool {
    let is_it = |layer: &Layer| layer.arn() == Some(&version.to_string());
    settings.layers().iter().any(is_it) && settings.last_update_status() != Some(&LastUpdateStatus::Failed)
}

/// A version and its declaration.
#[derive(Debug)]
pub(super) struct Offer {
    version: LayerVersionArn,
    /// Empty if all are allowed.
    runtimes: Vec<String>,
    /// Empty if all are allowed.
    architectures: Vec<String>,
    zipped: u64,
    sizes: Sizes,
}

impl Offer {
    pub(super) fn new(version: LayerVersionArn, reply: &GetLayerVersionOutput, sizes: Sizes) -> Self {
        let runtimes = reply.compatible_runtimes().iter().map(|runtime| runtime.as_str().to_owned()).collect();
        let architectures = reply.compatible_architectures().iter().map(|name| name.as_str().to_owned()).collect();
        let zipped = reply.content().map_or(0, |content| unsigned(content.code_size()));
        Self { version, runtimes, architectures, zipped, sizes }
    }

    /// Refuses a function because of its settings. The message follows the function's name.
    pub(super) fn refuse(&self, settings: &FunctionConfiguration) -> Result<(), Failure> {
        if settings.package_type() == Some(&PackageType::Image) {
            let failure = Failure::user("it runs from a container image, which cannot use layers");
            return Err(failure.hint("remove it from `attach-to`, and install the packages in its image"));
        }
        let what = format!("version {} of `{}`", self.version.version(), self.version.layer());
        let fits = |declared: &[String], has: &str| declared.is_empty() || declared.iter().any(|name| name == has);
        let names = |declared: &[String]| alternatives(declared.iter().map(String::as_str));
        if let Some(runtime) = settings.runtime().map(Runtime::as_str).filter(|has| !fits(&self.runtimes, has)) {
            let failure = Failure::user(format!("it uses `{runtime}`, but {what} is for {}", names(&self.runtimes)));
            return Err(failure
                .hint(format!("attach a layer that was built for `{runtime}`, or change the function's runtime")));
        }
        // The default if a function names none (Lambda API, `CreateFunction`).
        let architecture = settings.architectures().first().map_or("x86_64", |name| name.as_str());
        if !fits(&self.architectures, architecture) {
            let declared = names(&self.architectures);
            let failure = Failure::user(format!("it runs on `{architecture}`, but {what} is for {declared}"));
            return Err(failure.hint(format!("attach a layer that was built for `{architecture}`")));
        }
        let (count, most) = (Placed::new(settings, &self.version).after.len(), facts::limits().layers);
        if count > most {
            let failure =
                Failure::user(format!("it already has {} other layers, and Lambda allows {most} in total", count - 1));
            return Err(failure.hint("remove one from the function, or combine two layers into one"));
        }
        Ok(())
    }

    /// Refuses a function if the version does not fit beside its code and other layers. If the sizes cannot be read,
    /// Lambda decides.
    pub(super) async fn refuse_size(
        &self,
        output: &GetFunctionOutput,
        settings: &FunctionConfiguration,
    ) -> Result<(), Failure> {
        if self.surely_fits(settings) {
            return Ok(());
        }
        let (name, makes_room) = (settings.function_name().unwrap_or_default(), |arn: &LayerVersionArn| {
            arn.layer_arn() == self.version.layer_arn()
        });
        let sizes = (self.sizes.of_layer(&self.version).await, self.sizes.taken(name, output, makes_room).await);
        let (Ok(size), Ok(taken)) = sizes else { return Ok(()) };
        if size <= taken.left() {
            return Ok(());
        }
        let (state, number, over) = (taken.describe("it"), self.version.version(), ByteSize(size.0 - taken.left().0));
        let failure = Failure::user(format!("{state}: version {number} of {size} is {over} too large"));
        Err(failure.hint("make the function's code or its other layers smaller, or exclude something from this layer"))
    }

    /// Whether it fits even with the highest compression: saves the downloads for most functions.
    fn surely_fits(&self, settings: &FunctionConfiguration) -> bool {
        let others = settings.layers().iter().filter(|layer| {
            let arn = layer.arn().and_then(|arn| arn.parse::<LayerVersionArn>().ok());
            arn.is_none_or(|arn| arn.layer_arn() != self.version.layer_arn())
        });
        let others: u64 = others.map(|layer| unsigned(layer.code_size())).sum();
        let zipped = unsigned(settings.code_size()).saturating_add(others).saturating_add(self.zipped);
        zipped.saturating_mul(facts::opening().deflate_ratio) <= facts::limits().unzipped_size
    }
}

fn unsigned(size: i64) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
