//! The directory registry: `DIR/<layer>/<version>/layer.zip` and `version.json`.
//!
//! A version appears complete, by one rename. Numbers only grow and are never used again, even if versions are removed
//! by hand: the last one is stored in `DIR/.last-version/<layer>`, which is also the lock for publishing the next.

use std::io::{Read as _, Seek as _, Write as _};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::Version;
use super::{Listed, NewVersion, Receipt};
use crate::error::Failure;
use crate::types::description::{Declared, Identity};
use crate::types::{Architecture, ByteSize, ContentHash, Fingerprint, LayerName, LayerVersionArn};

/// The region in ARNs of this registry.
pub const REGION: &str = "local";

/// A registry in a folder.
#[derive(Debug)]
pub struct DirectoryRegistry {
    pub folder: Utf8PathBuf,
}

/// The content of `version.json`: like the reply of `GetLayerVersion`, with this program's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct VersionFile {
    layer_version_arn: LayerVersionArn,
    layer_name: LayerName,
    layer_version: u64,
    description: String,
    /// UTC.
    created: Timestamp,
    code_sha256: ContentHash,
    fingerprint: Fingerprint,
    zipped_size: ByteSize,
    unzipped_size: ByteSize,
    compatible_runtimes: Vec<String>,
    compatible_architectures: Vec<Architecture>,
    license: Option<String>,
}

impl VersionFile {
    fn declared(&self) -> Declared {
        let architectures = self.compatible_architectures.iter().map(ToString::to_string);
        Declared::of(&self.description, self.license.as_deref(), self.compatible_runtimes.clone(), architectures)
    }
}

impl DirectoryRegistry {
    pub(super) fn declared_by(&self, layer: &LayerName, version: &Version, content: ContentHash) -> Option<Declared> {
        let zip = zip_path(&self.folder, layer, version.version);
        let is_it = |file: &VersionFile| file.layer_version_arn == version.arn && file.code_sha256 == content;
        let file = self.read(layer, version.version).ok().filter(is_it)?;
        zip.is_file().then(|| file.declared())
    }

    fn read(&self, layer: &LayerName, version: u64) -> anyhow::Result<VersionFile> {
        let path = zip_path(&self.folder, layer, version).with_file_name("version.json");
        let text = fs_err::read(&path)?;
        serde_json::from_slice(&text).with_context(|| format!("`{path}` does not describe a version"))
    }

    pub(super) fn list(&self, layer: &LayerName) -> anyhow::Result<Vec<Listed>> {
        let mut numbers = self.numbers(layer)?;
        numbers.sort_unstable_by(|left, right| right.cmp(left));
        // A numbered folder without a version was created by something else.
        let versions = numbers.into_iter().filter_map(|number| self.read(layer, number).ok());
        Ok(versions
            .map(|file| Listed {
                declares: Some(file.declared()),
                arn: file.layer_version_arn,
                identity: Identity::from_description(&file.description),
                created: Some(file.created),
                size: Some(file.zipped_size),
            })
            .collect())
    }

    fn numbers(&self, layer: &LayerName) -> anyhow::Result<Vec<u64>> {
        let folder = self.folder.join(layer.as_str());
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let names = folder.read_dir_utf8()?.collect::<Result<Vec<_>, _>>()?;
        Ok(names.iter().filter_map(|entry| entry.file_name().parse().ok()).collect())
    }

    pub(super) fn publish(&self, version: &NewVersion<'_>) -> anyhow::Result<Receipt> {
        let NewVersion { layer, archive, declaration, identity, signed: _ } = *version;
        let folder = self.folder.join(layer.as_str());
        fs_err::create_dir_all(&folder)?;
        let making = tempfile::Builder::new().prefix(".making-").tempdir_in(&folder)?;
        let making = crate::files::utf8(making.path())?.to_owned();
        fs_err::copy(archive.path(), making.join("layer.zip"))?;
        // Only the owner may read temporary files; a published file is for everyone who may enter the registry.
        set_mode(&making.join("layer.zip"), 0o644)?;
        set_mode(&making, 0o755)?;

        let mut last_version = self.lock_last_version(layer)?;
        let highest = self.numbers(layer)?.into_iter().max().unwrap_or(0);
        let number = last_version.number.max(highest) + 1;
        let version = VersionFile {
            layer_version_arn: LayerVersionArn::local(layer, number),
            layer_name: layer.clone(),
            layer_version: number,
            description: declaration.description(identity),
            created: Timestamp::now(),
            code_sha256: identity.content,
            fingerprint: identity.fingerprint,
            zipped_size: archive.zipped_size,
            unzipped_size: archive.unzipped_size,
            compatible_runtimes: declaration.compatible_runtimes.clone(),
            compatible_architectures: declaration.compatible_architectures.clone(),
            license: declaration.license.clone(),
        };
        let mut text = serde_json::to_vec_pretty(&version)?;
        text.push(b'\n');
        fs_err::write(making.join("version.json"), text)?;
        last_version.set(number)?;
        fs_err::rename(&making, folder.join(number.to_string()))?;
        Ok(Receipt { arn: version.layer_version_arn, declares: declaration.declared() })
    }

    /// Removes a version by one rename, so that nobody sees a part of it.
    pub(super) fn remove(&self, layer: &LayerName, number: u64) -> anyhow::Result<()> {
        let folder = self.folder.join(layer.as_str());
        let mut last_version = self.lock_last_version(layer)?;
        // Its number is never used again, even if the file was lost.
        last_version.set(last_version.number.max(number))?;
        let removing = tempfile::Builder::new().prefix(".removing-").tempdir_in(&folder)?;
        match fs_err::rename(folder.join(number.to_string()), removing.path()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            renamed => Ok(renamed?),
        }
    }

    fn lock_last_version(&self, layer: &LayerName) -> anyhow::Result<LastVersion> {
        let folder = self.folder.join(".last-version");
        fs_err::create_dir_all(&folder)?;
        let mut file = fs_err::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(layer.as_str()))?;
        file.file().lock()?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(LastVersion { number: text.trim().parse().unwrap_or(0), file })
    }
}

/// The highest version number so far; the file is locked until this is dropped.
struct LastVersion {
    number: u64,
    file: fs_err::File,
}

impl LastVersion {
    fn set(&mut self, number: u64) -> std::io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(format!("{number}\n").as_bytes())
    }
}

/// The path of a version's zip.
pub fn zip_path(folder: &Utf8Path, layer: &LayerName, version: u64) -> Utf8PathBuf {
    folder.join(layer.as_str()).join(version.to_string()).join("layer.zip")
}

/// The zip of a published version, with the runtimes and architectures that it declares.
pub(crate) fn declared(
    folder: &Utf8Path,
    arn: &LayerVersionArn,
) -> anyhow::Result<(Utf8PathBuf, Vec<String>, Vec<Architecture>)> {
    let layer: LayerName = arn.layer().parse()?;
    let zip = zip_path(folder, &layer, arn.version());
    if !zip.is_file() {
        let failure = Failure::user(format!("`{arn}` does not exist in `{folder}`"));
        return Err(failure.hint("correct the version, or set `registry` to the right folder").into());
    }
    let file = DirectoryRegistry { folder: folder.to_owned() }.read(&layer, arn.version())?;
    Ok((zip, file.compatible_runtimes, file.compatible_architectures))
}

fn set_mode(path: &Utf8Path, mode: u32) -> std::io::Result<()> {
    fs_err::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}
