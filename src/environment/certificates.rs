//! Certificates of an authority that the system does not know, such as that of a company's proxy.
//!
//! `SSL_CERT_FILE` is the one variable for all clients: uv, this program's own clients for AWS and GitHub, and whatever uses
//! OpenSSL read it themselves, and the others get the same file under the names that they read.

use std::collections::BTreeMap;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::environment::Environment;
use crate::error::Failure;

/// The remedy for a certificate that is not trusted.
pub const HINT: &str = "set SSL_CERT_FILE to a file with the certificates to trust, such as that of your company's proxy; an action can only read files in the workspace, see docs/github-environments.md";

/// Read by all clients, or passed on to them.
const FOR_ALL: &str = "SSL_CERT_FILE";
/// What clients read that do not know `SSL_CERT_FILE`: requests, and with it pip in a Python before 3.10
/// (<https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification>); git
/// (<https://git-scm.com/docs/git-config>, `http.sslCAInfo`); cargo, in builds
/// (<https://doc.rust-lang.org/cargo/reference/config.html#httpcainfo>).
const OTHER_NAMES: &[&str] = &["REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"];
/// More variables with the path of a file; relative ones count from the folder that the program was started in.
const PATHS: &[&str] = &["PIP_CERT", "CURL_CA_BUNDLE"];
/// In addition to the others, for requests to AWS
/// (<https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html>).
const FOR_AWS: &str = "AWS_CA_BUNDLE";

/// Variables for child processes, which run in other folders: paths are absolute.
pub fn variables(environment: &Environment) -> BTreeMap<&'static str, String> {
    let absolute = |value: &str| environment.current_directory.join(value).into_string();
    let for_all = environment.get(FOR_ALL).map(absolute);
    let others = OTHER_NAMES.iter().map(|name| (*name, environment.get(name).map(absolute).or(for_all.clone())));
    let paths = PATHS.iter().map(|name| (*name, environment.get(name).map(absolute)));
    let all = others.chain(paths).chain([(FOR_ALL, for_all.clone())]);
    all.filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The certificates in PEM that requests to AWS trust in addition to those of the system or of `SSL_CERT_FILE`.
///
/// # Errors
/// The file of `AWS_CA_BUNDLE` cannot be read, has no certificate, or has one that is not valid.
pub fn for_aws(environment: &Environment) -> Result<Option<String>, Failure> {
    let Some(path) = environment.get(FOR_AWS) else { return Ok(None) };
    let text = read(FOR_AWS, path, environment)?;
    // AWS's client adds them in the same way, and panics if it cannot.
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        let certificate = certificate.map_err(|error| error.to_string());
        let added = certificate.and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        if let Err(why) = added {
            let failure = Failure::user(format!("{FOR_AWS} is `{path}`, whose certificate {} is not valid", index + 1));
            return Err(failure.cause(why).hint("replace that certificate, or remove it from the file"));
        }
    }
    Ok(Some(text))
}

/// Looks at the file of `SSL_CERT_FILE`. Without one, clients would trust nobody, and each would say so in words of its own.
///
/// # Errors
/// The file cannot be read, has no certificate, or is not named.
pub fn check(environment: &Environment) -> Result<(), Failure> {
    match environment.variables().get(FOR_ALL).map(String::as_str) {
        None => Ok(()),
        Some("") => Err(Failure::user(format!("{FOR_ALL} is set, but empty"))
            .hint(format!("set {FOR_ALL} to a file with certificates, or leave it out"))),
        Some(path) => read(FOR_ALL, path, environment).map(drop),
    }
}

/// A file with at least one certificate.
fn read(name: &str, path: &str, environment: &Environment) -> Result<String, Failure> {
    let failed = |cause: String| {
        let failure = Failure::user(format!("{name} is `{path}`, which has no certificates to trust")).cause(cause);
        failure.hint(format!("set {name} to a file in PEM format; an action can only read files in the workspace, see docs/github-environments.md"))
    };
    let bytes = fs_err::read(environment.current_directory.join(path)).map_err(|error| failed(error.to_string()))?;
    // Comments between certificates can be in any encoding.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.contains("-----BEGIN CERTIFICATE-----") {
        Ok(text)
    } else {
        Err(failed("it has no line `-----BEGIN CERTIFICATE-----`".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment::new(variables, Utf8PathBuf::from("/work"))
    }

    #[test]
    fn each_client_gets_the_file_under_the_name_that_it_reads() {
        assert_eq!(variables(&environment(&[("PATH", "/bin"), ("SSL_CERT_FILE", "")])), BTreeMap::new());
        let set = variables(&environment(&[
            ("SSL_CERT_FILE", "ca.pem"),
            ("GIT_SSL_CAINFO", "/git.pem"),
            ("PIP_CERT", "pip.pem"),
        ]));
        let set: Vec<_> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            set,
            [
                ("CARGO_HTTP_CAINFO", "/work/ca.pem"),
                ("GIT_SSL_CAINFO", "/git.pem"),
                ("PIP_CERT", "/work/pip.pem"),
                ("REQUESTS_CA_BUNDLE", "/work/ca.pem"),
                ("SSL_CERT_FILE", "/work/ca.pem"),
            ]
        );
    }

    #[test]
    fn a_damaged_certificate_is_an_error() {
        let folder = tempfile::tempdir().expect("can be made");
        let file = folder.path().join("ca.pem");
        let why = |text: &str| {
            fs_err::write(&file, text).expect("can be written");
            let path = file.to_str().expect("is UTF-8");
            let failure = for_aws(&environment(&[("AWS_CA_BUNDLE", path)])).expect_err("is refused");
            format!("{failure:?}").replace(path, "ca.pem")
        };
        for body in ["AAAA", "not in Base64!"] {
            let said = why(&format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"));
            assert!(said.contains("AWS_CA_BUNDLE is `ca.pem`, whose certificate 1 is not valid"), "{said}");
        }
    }
}
