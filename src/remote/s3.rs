//! A remote in an S3 bucket: of Amazon, or of another server that speaks the same protocol.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use tokio::runtime::Runtime;

use crate::config::{RemoteConfig, RemoteSecrets};
use crate::remote::backend::{
    Body, Kind, Listed, Put, Remote, RemoteError, Sink, add_piece, too_large, unwritable,
};
use crate::remote::object_name::ObjectName;

/// How long to wait for a connection, and for the first byte of an answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A transfer may stand still for this long.
const STALL_LIMIT: Duration = Duration::from_secs(5);
/// After a while, an object must have come with so many bytes a second.
const SLOW_LIMIT: Duration = Duration::from_secs(30);
const LEAST_BYTES_PER_SECOND: u64 = 4 << 10;
/// How long to wait for the answer to an object that is sent. One that stands still is given up before.
const SMALL_PUT_LIMIT: Duration = Duration::from_secs(30);
const LARGE_PUT_LIMIT: Duration = Duration::from_secs(900);
const SMALL_BYTES: u64 = 1 << 20;
/// No listing has more pages: a server that always says that there is one more would be asked for ever.
const MAX_PAGES: usize = 100_000;

/// A bucket.
pub struct S3 {
    client: Client,
    runtime: Runtime,
    bucket: String,
    prefix: Option<String>,
    place: String,
    /// Whether the server does not know the condition that an object must not exist.
    lacks_condition: AtomicBool,
}

impl S3 {
    /// The bucket `bucket` with these settings.
    ///
    /// # Errors
    /// The system gives no threads. Nothing is asked yet.
    pub fn new(bucket: &str, config: &RemoteConfig, secrets: &RemoteSecrets) -> Result<S3, RemoteError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("kache-s3")
            .enable_all()
            .build()
            .map_err(|e| RemoteError::new(Kind::Local, format!("failed to start threads: {e}")))?;
        let client = runtime.block_on(client(config, secrets));
        let prefix = config.prefix.value.clone();
        let place = config.place().unwrap_or_else(|| format!("s3://{bucket}"));
        let lacks_condition = AtomicBool::new(false);
        Ok(S3 { client, runtime, bucket: bucket.to_owned(), prefix, place, lacks_condition })
    }

    fn key(&self, name: &ObjectName) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_string(),
        }
    }

    async fn put(&self, name: &ObjectName, body: Body<'_>, is_conditional: bool) -> Result<Put, RemoteError> {
        let content = match body {
            Body::Bytes(bytes) => ByteStream::from(bytes.to_vec()),
            Body::File(path) => ByteStream::from_path(path)
                .await
                .map_err(|e| RemoteError::of(Kind::Local, path.display(), e))?,
        };
        let request = self.client.put_object().bucket(&self.bucket).key(self.key(name)).body(content);
        let request = if is_conditional { request.if_none_match("*") } else { request };
        // The answer comes after the whole body was sent.
        let limit = if body.size_bytes() > SMALL_BYTES { LARGE_PUT_LIMIT } else { SMALL_PUT_LIMIT };
        let limits = TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).read_timeout(limit).build();
        let config = aws_sdk_s3::config::Builder::new().timeout_config(limits);
        match request.customize().config_override(config).send().await {
            Ok(_) => Ok(Put::Stored),
            Err(e) if status(&e) == Some(412) => Ok(Put::Existed),
            Err(e) => Err(failed(&format!("failed to write {name}"), &e)),
        }
    }

    async fn read(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        let what = format!("failed to read {name}");
        let request = self.client.get_object().bucket(&self.bucket).key(self.key(name));
        let object = request.send().await.map_err(|e| failed(&what, &e))?;
        let length = object.content_length().and_then(|length| u64::try_from(length).ok());
        if length.is_some_and(|length| length > max_bytes) {
            return Err(too_large(name, max_bytes));
        }
        sink.restart().map_err(|e| unwritable(name, &e))?;
        let mut body = object.body;
        let (mut n_bytes, began) = (0, Instant::now());
        loop {
            if is_too_slow(began.elapsed(), n_bytes) {
                return Err(RemoteError::of(Kind::Unreachable, what, "it comes too slowly"));
            }
            match body.try_next().await {
                Ok(Some(piece)) => add_piece(sink, &piece, &mut n_bytes, max_bytes, name)?,
                Ok(None) => break,
                Err(e) => return Err(RemoteError::of(Kind::Unreachable, what, chain(&e))),
            }
        }
        match length {
            Some(length) if length != n_bytes => {
                let why = format!("{n_bytes} of {length} bytes were sent");
                Err(RemoteError::of(Kind::Unreachable, what, why))
            }
            _ => Ok(n_bytes),
        }
    }

    async fn list_pages(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        let what = format!("failed to list {prefix}");
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let request = self.client.list_objects_v2().bucket(&self.bucket);
            let request = request.prefix(format!("{}/", self.key(prefix)));
            let page = request.set_continuation_token(token.clone()).send().await;
            let page = page.map_err(|e| failed(&what, &e))?;
            for object in page.contents() {
                let size_bytes = object.size().and_then(|size| u64::try_from(size).ok());
                let stored = object.last_modified().and_then(|time| u64::try_from(time.secs()).ok());
                if let (Some(name), Some(size_bytes)) =
                    (object.key().and_then(|key| self.name(key)), size_bytes)
                {
                    each(Listed { name, size_bytes, stored_ms: stored.unwrap_or(0).saturating_mul(1000) });
                }
            }
            match page.next_continuation_token() {
                _ if page.is_truncated() != Some(true) => return Ok(()),
                Some(next) if token.as_deref() != Some(next) => token = Some(next.to_owned()),
                _ => break,
            }
        }
        Err(RemoteError::new(Kind::Invalid, format!("{what}: the listing does not end")))
    }

    /// The name of the object with this key.
    fn name(&self, key: &str) -> Option<ObjectName> {
        let name = match &self.prefix {
            Some(prefix) => key.strip_prefix(prefix.as_str())?.strip_prefix('/')?,
            None => key,
        };
        name.parse().ok()
    }
}

impl Remote for S3 {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        self.runtime.block_on(self.read(name, sink, max_bytes))
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        let request = self.client.head_object().bucket(&self.bucket).key(self.key(name));
        match self.runtime.block_on(request.send()) {
            Ok(head) => Ok(Some(head.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or(0))),
            Err(e) => match failed(&format!("failed to look for {name}"), &e) {
                RemoteError { kind: Kind::NotFound, .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        if !self.lacks_condition.load(Ordering::Relaxed) {
            match self.runtime.block_on(self.put(name, body, true)) {
                Err(e) if e.kind == Kind::Invalid && e.what.contains(NOT_IMPLEMENTED) => {
                    self.lacks_condition.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        // Between the look and the write another writer may be faster. Both write what is true of the name.
        match self.head(name) {
            Ok(Some(_)) => Ok(Put::Existed),
            Err(e) if e.kind != Kind::Denied => Err(e),
            // Credentials may allow to write only.
            Ok(None) | Err(_) => self.runtime.block_on(self.put(name, body, false)),
        }
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.runtime.block_on(self.list_pages(prefix, each))
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

/// Whether a transfer that took so long so far is not worth waiting for.
fn is_too_slow(took: Duration, n_bytes: u64) -> bool {
    took > SLOW_LIMIT + Duration::from_millis(n_bytes.saturating_mul(1000) / LEAST_BYTES_PER_SECOND)
}

/// The client for a bucket. Credentials come from the environment of kache, else from where the AWS tools find them.
async fn client(config: &RemoteConfig, secrets: &RemoteSecrets) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).read_timeout(ANSWER_LIMIT).build();
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(STALL_LIMIT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client())
        // `layers::retry` repeats, for every backend.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(stalls);
    if let Some(profile) = &config.profile.value {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &config.region.value {
        loader = loader.region(Region::new(region.clone()));
    } else if config.endpoint.value.is_some() {
        // Other servers have no regions: nobody is asked over the network for it.
        loader = loader.region(EnvironmentVariableRegionProvider::new());
    }
    if config.anonymous.value {
        loader = loader.no_credentials();
    } else if let (Some(access_key), Some(secret_key)) = (&secrets.access_key, &secrets.secret_key) {
        let token = secrets.session_token.clone();
        loader =
            loader.credentials_provider(Credentials::new(access_key, secret_key, token, None, "KACHE_S3"));
    }
    let shared = loader.load().await;
    let mut builder = aws_sdk_s3::config::Builder::from(&shared);
    if shared.region().is_none() {
        builder = builder.region(Region::new("us-east-1"));
    }
    let endpoint = config.endpoint.value.as_deref().or(shared.endpoint_url());
    if let Some(endpoint) = endpoint {
        // Other servers refuse checksums of newer kinds. Every blob is checked by its digest.
        builder = builder
            .endpoint_url(endpoint)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    }
    let path_style = config.path_style.value.unwrap_or(endpoint.is_some());
    Client::from_conf(builder.force_path_style(path_style).build())
}

/// One TLS stack, with the certificates of the system, through the proxy that the environment names.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, _| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// What a server answers that does not know a header.
const NOT_IMPLEMENTED: &str = "NotImplemented";

type Response = aws_sdk_s3::config::http::HttpResponse;

fn status<E>(error: &SdkError<E, Response>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// What a failure means.
fn failed<E>(what: &str, error: &SdkError<E, Response>) -> RemoteError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, why) = match error {
        SdkError::TimeoutError(_) => (Kind::Unreachable, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let why = failure.as_connector_error().map(|e| chain(e)).unwrap_or_default();
            let kind = match failure.is_io() || failure.is_timeout() {
                true => Kind::Unreachable,
                false if why.contains("redential") => Kind::Denied,
                false if failure.is_user() => Kind::Invalid,
                false => Kind::Unreachable,
            };
            (kind, why)
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = error.code().unwrap_or_default();
            let why = match (code, error.message()) {
                ("", _) => format!("status {status}"),
                (code, None) => format!("{code} (status {status})"),
                (code, Some(message)) => format!("{code} (status {status}): {message}"),
            };
            (kind_of(status, code), why)
        }
        SdkError::ConstructionFailure(_) if chain(error).contains("redential") => {
            (Kind::Denied, chain(error))
        }
        SdkError::ConstructionFailure(_) => (Kind::Invalid, chain(error)),
        _ => (Kind::Busy, chain(error)),
    };
    RemoteError::of(kind, what, why)
}

/// What the status and the code of an answer mean.
fn kind_of(status: u16, code: &str) -> Kind {
    match (status, code) {
        (_, "NoSuchBucket") => Kind::Invalid,
        (_, "NoSuchKey" | "NotFound") | (404, _) => Kind::NotFound,
        (_, "ExpiredToken" | "InvalidToken" | "RequestTimeTooSkewed") | (401 | 403, _) => Kind::Denied,
        (_, NOT_IMPLEMENTED) | (501, _) => Kind::Invalid,
        (_, "EntityTooLarge") | (413, _) => Kind::TooLarge,
        (_, "SlowDown" | "RequestTimeout" | "ConditionalRequestConflict") | (408 | 429 | 500.., _) => {
            Kind::Busy
        }
        _ => Kind::Invalid,
    }
}

/// An error and its causes, in one line. Nothing of a request is in it.
fn chain(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_that_hardly_gets_on_is_given_up() {
        let seconds = Duration::from_secs;
        assert!(!is_too_slow(seconds(30), 0) && is_too_slow(seconds(31), 0));
        assert!(!is_too_slow(seconds(90), 60 * LEAST_BYTES_PER_SECOND));
        assert!(is_too_slow(seconds(90), 59 * LEAST_BYTES_PER_SECOND));
        assert!(!is_too_slow(seconds(3600), u64::MAX), "no number is too large");
    }

    #[test]
    fn answers_are_told_apart() {
        for (status, code, kind) in [
            (404, "NoSuchKey", Kind::NotFound),
            (404, "", Kind::NotFound),
            (404, "NoSuchBucket", Kind::Invalid),
            (403, "AccessDenied", Kind::Denied),
            (403, "RequestTimeTooSkewed", Kind::Denied),
            (400, "ExpiredToken", Kind::Denied),
            (400, "InvalidBucketName", Kind::Invalid),
            (301, "PermanentRedirect", Kind::Invalid),
            (413, "", Kind::TooLarge),
            (400, "EntityTooLarge", Kind::TooLarge),
            (429, "", Kind::Busy),
            (409, "ConditionalRequestConflict", Kind::Busy),
            (500, "InternalError", Kind::Busy),
            (503, "SlowDown", Kind::Busy),
            (501, "NotImplemented", Kind::Invalid),
        ] {
            assert_eq!(kind_of(status, code), kind, "{status} {code}");
        }
    }
}
