//! Downloads from presigned URLs: the zip of a layer version or of a function.
//!
//! Such a URL is a request to S3 that somebody else signed. S3's own client sends it, as it is and without credentials,
//! so that retries, proxies and time limits are those of all other calls.

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use rawzip::{ReaderAt, ZipLocator};
use secrecy::{ExposeSecret as _, SecretString};

use super::errors;
use crate::error::Failure;
use crate::types::ByteSize;

/// Enough for the directory of most zips: about 40,000 entries.
const TAIL: u64 = 4 << 20;

/// Bytes `from` to the end of what `location` names, or all of it where the server knows no ranges.
///
/// # Errors
/// `what` cannot be downloaded, or has more than `size` bytes.
pub(crate) async fn get(
    config: &SdkConfig,
    location: &str,
    what: &str,
    from: u64,
    size: ByteSize,
) -> anyhow::Result<Vec<u8>> {
    let is_web = location.starts_with("https://") || location.starts_with("http://");
    if !is_web {
        let failure = Failure::system(format!("AWS did not return a download location for the zip of `{what}`"));
        return Err(failure.hint("download the zip yourself, and audit the file").into());
    }
    let request = anonymous(config).get_object().bucket("layer").key("zip");
    let request = if from > 0 { request.range(format!("bytes={from}-")) } else { request };
    let as_it_is = AsItIs { location: location.to_owned(), bearer: None };
    let answer = request.customize().interceptor(as_it_is).send().await;
    let mut answer = answer.map_err(|error| {
        let failed = errors::failure_of("the download", what, &error);
        Failure { hint: Some("run again: the address is valid only for a few minutes".to_owned()), ..failed }
    })?;
    let mut bytes = Vec::new();
    while let Some(piece) = answer.body.next().await {
        bytes.extend_from_slice(&piece.with_context(|| format!("the download of `{what}` was interrupted"))?);
        if bytes.len() as u64 > size.0 {
            let failure =
                Failure::system(format!("the download of `{what}` is larger than the {size} that AWS reports"));
            return Err(failure.hint("run again").into());
        }
    }
    Ok(bytes)
}

/// What a server answers that wants a token.
///
/// # Errors
/// `what` is not given.
pub(crate) async fn ask(
    config: &SdkConfig,
    location: &str,
    what: &str,
    bearer: &SecretString,
) -> Result<Vec<u8>, Failure> {
    let request = anonymous(config).get_object().bucket("layer").key("zip");
    let as_it_is = AsItIs { location: location.to_owned(), bearer: Some(bearer.clone()) };
    let answer = request.customize().interceptor(as_it_is).send().await;
    let answer = answer.map_err(|error| errors::failure_of("the request", what, &error))?;
    let failed = || Failure::system(format!("the request failed for `{what}`"));
    let body = answer.body.collect().await.map_err(|error| failed().cause(error.to_string()).hint("run again"))?;
    Ok(body.to_vec())
}

/// With credentials the SDK would sign what others have signed already.
fn anonymous(config: &SdkConfig) -> aws_sdk_s3::Client {
    let mut config = config.to_builder();
    config.set_credentials_provider(None);
    let anonymous =
        aws_sdk_s3::config::Builder::from(&config.build()).allow_no_auth().endpoint_url("https://s3.amazonaws.com");
    // Where the request goes stands in its URL, whatever endpoints the run is to use otherwise; S3's client takes no
    // endpoint together with these.
    let anonymous = anonymous.use_fips(false).use_dual_stack(false);
    aws_sdk_s3::Client::from_conf(anonymous.force_path_style(true).build())
}

/// Unzipped size of a zip of `zipped` bytes, by its directory, which stands at its end.
pub(crate) async fn unzipped_size(
    config: &SdkConfig,
    location: &str,
    what: &str,
    zipped: ByteSize,
) -> anyhow::Result<ByteSize> {
    let tail = get(config, location, what, zipped.0.saturating_sub(TAIL), zipped).await?;
    if let Some(size) = sum(&tail, zipped) {
        return Ok(size);
    }
    let whole = get(config, location, what, 0, zipped).await?;
    let size = sum(&whole, zipped);
    Ok(size.ok_or_else(|| Failure::system(format!("could not read the zip of `{what}`")).hint("run again"))?)
}

/// What the directory declares, if it is all in the last bytes of the zip.
fn sum(tail: &[u8], zipped: ByteSize) -> Option<ByteSize> {
    let start = zipped.0.checked_sub(tail.len() as u64)?;
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let archive = ZipLocator::new().locate_in_reader(Tail { start, bytes: tail }, &mut buffer, zipped.0).ok()?;
    let mut entries = archive.entries(&mut buffer);
    let mut size = 0_u64;
    while let Some(entry) = entries.next_entry().ok()? {
        size = size.checked_add(entry.uncompressed_size_hint())?;
    }
    Some(ByteSize(size))
}

/// The end of a file, under the offsets of the whole.
struct Tail<'a> {
    start: u64,
    bytes: &'a [u8],
}

impl ReaderAt for Tail<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let from = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = from.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let rest = self.bytes.get(from..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Puts the presigned URL in place of the request's own. S3 refuses headers of its own that were not signed.
#[derive(Debug)]
struct AsItIs {
    location: String,
    bearer: Option<SecretString>,
}

impl Intercept for AsItIs {
    fn name(&self) -> &'static str {
        "AsItIs"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let request = context.request_mut();
        request.set_uri(self.location.clone())?;
        let names: Vec<String> = request.headers().iter().map(|(name, _)| name.to_owned()).collect();
        let is_unsigned = |name: &&String| name.starts_with("x-amz-") || *name == "host";
        for name in names.iter().filter(is_unsigned) {
            request.headers_mut().remove(name.clone());
        }
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert("authorization", format!("Bearer {}", bearer.expose_secret()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_end_of_a_zip_says_what_is_in_it() {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for index in 0..50 {
            zip.start_file(format!("{index}"), zip::write::SimpleFileOptions::default()).expect("can be written");
            zip.write_all(&[b'x'; 100]).expect("can be written");
        }
        let zip = zip.finish().expect("can be written").into_inner();
        let size = ByteSize(zip.len() as u64);
        assert_eq!(sum(&zip, size), Some(ByteSize(5000)));
        let directory = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").expect("has a directory");
        assert_eq!(sum(&zip[directory..], size), Some(ByteSize(5000)));
        assert_eq!(sum(&zip[directory + 100..], size), None);
        assert_eq!(sum(b"nothing", size), None);
    }

    #[tokio::test]
    async fn a_signed_address_is_asked_without_credentials() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("can be bound");
        let location = format!("http://{}/zip?X-Amz-Signature=1", listener.local_addr().expect("is bound"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody comes");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut stream, &mut byte).expect("is sent");
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nzip").expect("can be sent");
            String::from_utf8_lossy(&head).to_lowercase()
        });
        let credentials = aws_credential_types::Credentials::new("key", "secret", None, None, "tests");
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(credentials);
        let config = crate::aws::configuration(&crate::environment::Environment::default(), None).await;
        let config = config.expect("needs no file");
        let region = aws_config::Region::new("eu-west-1");
        // As with AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT.
        let config = config.to_builder().credentials_provider(provider).region(region).use_fips(true);
        let config = config.use_dual_stack(true).build();
        assert_eq!(get(&config, &location, "a layer", 0, ByteSize(3)).await.expect("is answered"), b"zip");
        let head = server.join().expect("does not panic");
        assert!(head.starts_with("get /zip?x-amz-signature=1 ") && !head.contains("authorization"), "{head}");
    }
}
