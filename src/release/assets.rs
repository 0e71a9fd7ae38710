//! The files of a release: the zip as it was published, its bill of materials, and a JSON file for programs.

use std::collections::BTreeMap;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use serde::Serialize;

use super::notes::Notes;
use super::refused;
use crate::archive;
use crate::console::Console;
use crate::documents;
use crate::environment::Environment;
use crate::error::{Explanation, Failure};
use crate::github::release::Release;
use crate::github::{Client, release};
use crate::layer::{DistributionSize, Materials};
use crate::registry::fetch;
use crate::report::Report;
use crate::report::sbom::sbom;
use crate::spec::{Documents, RegistryChoice, Spec};
use crate::types::{ByteSize, ContentHash, Destination, LayerName, LayerVersionArn};

/// The files of the release of one version.
#[derive(Debug)]
pub(super) struct Assets<'a> {
    pub(super) notes: &'a Notes<'a>,
    /// The report from which the bill of materials is made, once the zip is opened.
    pub(super) about: Report,
    pub(super) registry: &'a RegistryChoice,
    /// The inputs from which the layer was built, if this run has them.
    pub(super) spec: Option<&'a Spec>,
    pub(super) environment: &'a Environment,
    pub(super) console: &'a Console,
}

/// The content of the JSON file. It has no times, so the same version gives the same bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Facts<'a> {
    layer: &'a LayerName,
    version: u64,
    code_sha256: Option<ContentHash>,
    python_version: Option<&'a str>,
    architecture: Option<&'a str>,
    zipped_size: Option<ByteSize>,
    unzipped_size: Option<ByteSize>,
    layer_version_arns: BTreeMap<Destination, &'a LayerVersionArn>,
    distributions: &'a [DistributionSize],
}

impl Assets<'_> {
    /// Uploads the files that the release lacks or has with other bytes; gives their names.
    ///
    /// # Errors
    /// GitHub refuses the request, or the version cannot be downloaded from any place.
    pub(super) async fn attach(&self, client: &Client, release: &Release) -> anyhow::Result<Vec<String>> {
        let stem = format!("{}-{}", self.notes.mark.layer, self.notes.mark.version);
        let mut attached = Vec::new();
        let mut put = async |name: String, bytes: Vec<u8>| {
            if release::attach(client, release, &name, bytes).await.map_err(refused)? {
                attached.push(name);
            }
            anyhow::Ok(())
        };
        put(format!("{stem}.json"), self.json()).await?;
        let zip = format!("{stem}.zip");
        let sbom = format!("{stem}.cdx.json");
        // A version never changes, so a file that was uploaded completely is right.
        let is_there = |name: &str| release.assets.iter().any(|asset| asset.name == name && asset.state == "uploaded");
        if !is_there(&zip) || !is_there(&sbom) {
            let bytes = self.download().await?;
            put(sbom, self.sbom(&bytes)?).await?;
            put(zip, bytes).await?;
        }
        Ok(attached)
    }

    fn json(&self) -> Vec<u8> {
        let Notes { mark, arns, known, .. } = self.notes;
        let facts = Facts {
            layer: &mark.layer,
            version: mark.version,
            code_sha256: mark.code_sha256,
            python_version: known.and_then(|content| content.python.as_deref()),
            architecture: known.and_then(|content| content.architecture.as_deref()),
            zipped_size: known.and_then(|content| content.zipped_size),
            unzipped_size: known.and_then(|content| content.unzipped_size),
            layer_version_arns: arns.iter().map(|arn| (arn.destination(), *arn)).collect(),
            distributions: known.map_or(&[], |content| &content.distributions),
        };
        let mut bytes = serde_json::to_vec_pretty(&facts).expect("has string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Downloads the zip from the first place that has it.
    async fn download(&self) -> anyhow::Result<Vec<u8>> {
        let mut failure = Failure::system("could not download any version for the release");
        let mut hint = None;
        for arn in &self.notes.arns {
            match fetch::fetch(arn, self.registry, self.environment).await {
                Ok(published) => return Ok(published.zip),
                Err(error) => {
                    let explanation = Explanation::of(&error);
                    failure = failure.cause(explanation.one_line());
                    hint = explanation.hint;
                }
            }
        }
        Err(failure.hint(hint.unwrap_or_else(|| "publish the layer first".to_owned())).into())
    }

    /// The bill of materials of the zip. Only a run with the inputs knows where its distributions came from.
    fn sbom(&self, zip: &[u8]) -> anyhow::Result<Vec<u8>> {
        let shown = self.notes.arns[0].to_string();
        let opened = archive::open_zip(zip, &shown, &self.console.secrets())?;
        let bytes_of = archive::reader_of_zip(zip, &shown)?;
        let asked = Documents { sbom: Some(Utf8PathBuf::new()), ..Documents::default() };
        let origins = self.spec.map(|spec| documents::origins(spec, self.environment, self.console));
        let materials = Materials::gather(&opened.layer, asked.materials(), origins.unwrap_or_default(), bytes_of);
        let report = Report { materials, ..self.about.clone().with_layer(opened.layer) };
        let sbom = sbom(&report.redacted(|text| self.console.redact(text)));
        Ok(sbom.context("could not read the contents of the zip")?.into_bytes())
    }
}
