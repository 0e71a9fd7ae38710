//! Names of SSM parameters, made from a template.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::{Label, LayerName};
use crate::error::Failure;

/// `/layers/{layer}/{python}/{arch}/{label}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterTemplate(String);

/// Stands for `{label}` in the parameter of the version that was published last.
const LATEST: &str = "latest";
const WORDS: [&str; 4] = ["{layer}", "{python}", "{arch}", "{label}"];

impl FromStr for ParameterTemplate {
    type Err = Failure;

    /// Rules: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let refused = |advice: &str| {
            Err(Failure::user(format!("`ssm-parameter` is `{text}`, which is not a valid parameter name"))
                .hint(advice.to_owned()))
        };
        let filled = WORDS.iter().fold(text.to_owned(), |name, word| name.replace(word, "x"));
        if filled.contains(['{', '}']) {
            return refused("use only the placeholders `{layer}`, `{python}`, `{arch}` and `{label}`");
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
        let is_reserved = |name: &str| {
            let first = name.trim_start_matches('/').to_lowercase();
            first.starts_with("aws") || first.starts_with("ssm")
        };
        if filled.is_empty() || filled.len() > 900 || !filled.bytes().all(allowed) || filled.ends_with('/') {
            return refused("use letters, digits, `.`, `_`, `-`, and `/` between them");
        }
        if (filled.contains('/') && !filled.starts_with('/')) || filled.contains("//") || is_reserved(text) {
            return refused(
                "begin with `/`, but not with `/aws` or `/ssm`, for example `/layers/{layer}/{python}/{arch}/latest`",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl ParameterTemplate {
    /// The parameter that names the version published last.
    pub fn latest(&self, layer: &LayerName, target: (&str, &str)) -> String {
        self.fill(layer, target, LATEST)
    }

    /// The parameter of a label, which stands for `{label}` or for a last `latest`; `None` if there is neither.
    pub fn labelled(&self, layer: &LayerName, target: (&str, &str), label: &Label) -> Option<String> {
        self.named(layer, target, label.as_str())
    }

    /// The parameter of a git tag; what cannot stand in a parameter's name becomes `-`.
    pub fn tagged(&self, layer: &LayerName, target: (&str, &str), tag: &str) -> Option<String> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        self.named(layer, target, &tag.replace(|character| !allowed(character), "-"))
    }

    /// Whether names have the Python version or the architecture in them.
    pub fn needs_target(&self) -> bool {
        self.0.contains("{python}") || self.0.contains("{arch}")
    }

    fn named(&self, layer: &LayerName, target: (&str, &str), name: &str) -> Option<String> {
        let template = match self.0.strip_suffix(LATEST).filter(|start| start.ends_with('/')) {
            _ if self.0.contains("{label}") => self.0.clone(),
            Some(start) => format!("{start}{{label}}"),
            None => return None,
        };
        Some(Self(template).fill(layer, target, name))
    }

    /// The folder that all parameters of a layer are in, `/layers/shared`; `None` if that is the root.
    pub fn folder(&self, layer: &LayerName) -> Option<String> {
        let name = self.0.replace("{layer}", layer.as_str());
        let start = name.strip_suffix(LATEST).filter(|start| start.ends_with('/')).unwrap_or(&name);
        let fixed = start.split('{').next().unwrap_or_default();
        let (folder, _) = fixed.rsplit_once('/')?;
        (!folder.is_empty()).then(|| folder.to_owned())
    }

    /// `target`: Python version and architecture.
    fn fill(&self, layer: &LayerName, (python, architecture): (&str, &str), label: &str) -> String {
        let name = self.0.replace("{layer}", layer.as_str()).replace("{python}", python);
        name.replace("{arch}", architecture).replace("{label}", label)
    }
}

impl Display for ParameterTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parameters_are_in_the_folder() {
        let layer = "shared".parse().expect("is valid");
        let folder = |text: &str| text.parse::<ParameterTemplate>().expect("is valid").folder(&layer);
        assert_eq!(folder("/layers/{layer}/{python}/{arch}/latest").as_deref(), Some("/layers/shared"));
        assert_eq!(folder("/layers/{layer}/latest").as_deref(), Some("/layers/shared"));
        assert_eq!(folder("/layers/{layer}-{label}").as_deref(), Some("/layers"));
        assert_eq!(folder("/{label}"), None);
        assert_eq!(folder("shared-latest"), None);
    }
}
