//! The remote that the configuration names, and whom it says to believe.

use std::sync::Arc;

use crate::config::{RemoteConfig, RemoteSecrets, TrustMode};
use crate::remote::backend::{Kind, Remote, RemoteError};
use crate::remote::dir::Dir;
use crate::remote::layers::access::Restricted;
use crate::remote::layers::breaker::Breaker;
use crate::remote::layers::limit::Limited;
use crate::remote::layers::meter::{Meter, Metered};
use crate::remote::layers::retry::Retrying;
use crate::remote::s3::S3;
use crate::remote::signature::{NotAKey, SigningKey, Trust, TrustedKey};
use crate::sys::{fs, process};

/// A remote, ready to be asked.
#[derive(Clone)]
pub struct Connected {
    pub remote: Arc<dyn Remote>,
    pub meter: Meter,
    pub trust: Trust,
    /// The key to sign with, if there is one.
    pub key: Option<SigningKey>,
    pub compression_level: i32,
    /// How many transfers run at a time.
    pub n_at_a_time: usize,
    /// Where manifests of builds are.
    pub namespace: String,
}

/// Why there is no remote.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    #[error("no remote is configured")]
    NotConfigured,
    #[error("both a bucket and a folder are configured as the remote")]
    TwoRemotes,
    #[error("the remote is turned off by KACHE_LOCAL_ONLY")]
    Off,
    #[error("`{0}` is not a public key of minisign")]
    PublicKey(String),
    #[error(
        "no public key is configured, but `cache.remote.trust` is `signed`, so nothing would be believed"
    )]
    NoPublicKey,
    #[error("{place}: {error}")]
    SecretKey { place: String, error: NotAKey },
    #[error("failed to read the secret key {place}: {error}")]
    Unreadable { place: String, error: std::io::Error },
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

/// Connects to the configured remote. Nothing is asked yet. From then on this process has secrets, and leaves no core file.
pub fn connect(config: &RemoteConfig, secrets: &RemoteSecrets) -> Result<Connected, NotConnected> {
    process::leave_no_core();
    if config.local_only.value && config.is_configured() {
        return Err(NotConnected::Off);
    }
    let trust = trust(config)?;
    let key = signing_key(config, secrets)?;
    let (remote, meter) = match (&config.bucket.value, &config.dir.value) {
        (Some(_), Some(_)) => return Err(NotConnected::TwoRemotes),
        (None, None) => return Err(NotConnected::NotConfigured),
        (Some(bucket), None) => with_layers(S3::new(bucket, config, secrets)?, config),
        (None, Some(dir)) => with_layers(Dir::new(dir), config),
    };
    Ok(Connected {
        remote,
        meter,
        trust,
        key,
        compression_level: i32::try_from(config.compression_level.value).unwrap_or(3),
        n_at_a_time: config.concurrency.value as usize,
        namespace: config.namespace.value.clone(),
    })
}

/// What is counted is what is really asked, repetitions included. Who waits to repeat a request takes nobody's turn. A
/// failure counts as an outage after all repetitions.
fn with_layers<R: Remote + 'static>(backend: R, config: &RemoteConfig) -> (Arc<dyn Remote>, Meter) {
    let meter = Meter::default();
    let remote = Metered { remote: backend, meter: meter.clone() };
    let remote = Limited::new(remote, config.concurrency.value as usize);
    let remote = Breaker::new(Retrying::new(remote));
    (Arc::new(Restricted { remote, access: config.access.value }), meter)
}

fn trust(config: &RemoteConfig) -> Result<Trust, NotConnected> {
    if config.trust() == TrustMode::Bucket {
        return Ok(Trust::Bucket);
    }
    let mut keys = Vec::new();
    for text in &config.public_keys.value {
        keys.push(TrustedKey::parse(text).ok_or_else(|| NotConnected::PublicKey(text.clone()))?);
    }
    // Who only writes need not believe anybody.
    if keys.is_empty() && config.access.value.can_read() {
        return Err(NotConnected::NoPublicKey);
    }
    Ok(Trust::Signed(keys))
}

fn signing_key(config: &RemoteConfig, secrets: &RemoteSecrets) -> Result<Option<SigningKey>, NotConnected> {
    if !config.access.value.can_write() {
        return Ok(None);
    }
    let (text, place) = match (&secrets.signing_key, &config.secret_key_file.value) {
        (Some(text), _) => (text.clone(), "KACHE_REMOTE_SECRET_KEY".to_owned()),
        (None, Some(path)) => {
            let place = path.display().to_string();
            let unreadable = |error| NotConnected::Unreadable { place: place.clone(), error };
            let bytes = fs::read(path).map_err(unreadable)?;
            (String::from_utf8_lossy(&bytes).into_owned(), place)
        }
        (None, None) => return Ok(None),
    };
    SigningKey::parse(&text).map(Some).map_err(|error| NotConnected::SecretKey { place, error })
}

impl NotConnected {
    /// What the user can do.
    pub fn hint(&self) -> &'static str {
        match self {
            NotConnected::NotConfigured => {
                "set `cache.remote.bucket` or `cache.remote.dir` in the user's configuration, or KACHE_S3_BUCKET"
            }
            NotConnected::TwoRemotes => "remove `cache.remote.bucket` or `cache.remote.dir`",
            NotConnected::Off => "unset KACHE_LOCAL_ONLY to use it",
            NotConnected::PublicKey(_) | NotConnected::NoPublicKey => {
                "add the writer's public key, which `kache remote keygen` prints, to `cache.remote.public_keys`"
            }
            NotConnected::SecretKey { .. } | NotConnected::Unreadable { .. } => {
                "make a key with `kache remote keygen`"
            }
            NotConnected::Remote(_) => "`kache doctor --online` checks the remote",
        }
    }

    /// The kind of failure, for who treats a remote that is absent differently.
    pub fn is_absent(&self) -> bool {
        matches!(self, NotConnected::NotConfigured | NotConnected::Off)
    }
}

/// For people: who is believed.
pub fn believed(trust: &Trust) -> String {
    match trust {
        Trust::Bucket => "everybody who can write to it".to_owned(),
        Trust::Signed(keys) => {
            let keys: Vec<&str> = keys.iter().map(TrustedKey::text).collect();
            format!("signatures of {}", keys.join(", "))
        }
    }
}

/// What to do about a failure of a remote.
pub fn hint(kind: Kind) -> &'static str {
    match kind {
        Kind::Denied => "check the credentials, their permissions and this machine's clock",
        Kind::Invalid | Kind::NotFound => "check the names of the bucket, region, endpoint or folder",
        Kind::Unreachable | Kind::Busy => {
            "check the network and the server, and run this again: what was transferred is kept"
        }
        Kind::TooLarge => {
            "see which sizes the server allows; an object that is there already has to be removed"
        }
        Kind::Forbidden => "see `cache.remote.access` and KACHE_REMOTE_READONLY in `kache config`",
        Kind::Local => "check that there is room on the disk",
    }
}
