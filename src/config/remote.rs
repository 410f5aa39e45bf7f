//! The settings of the remote. Only the user makes them: in the user's file, or in the environment of a command or of the
//! daemon. The wrapper reads none of them; it only asks whether a remote is configured, for [`super::PathsMode::Auto`].

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::env::{self, Lookup, Variable};
use super::setting::Setting;

pub(super) const DEFAULT_WAIT: Duration = Duration::from_secs(3);
pub(super) const DEFAULT_NAMESPACE: &str = "default";
pub(super) const DEFAULT_CONCURRENCY: u32 = 16;
pub(super) const DEFAULT_COMPRESSION_LEVEL: u32 = 3;

/// Variables with settings of the remote, and those that tell a job for a stranger's changes. They are of use to the daemon,
/// where a person or a job has started it with them.
pub const VARIABLES: &[&str] = &[
    env::S3_BUCKET.name,
    env::REMOTE_DIR.name,
    env::S3_ENDPOINT.name,
    env::S3_REGION.name,
    env::S3_PREFIX.name,
    env::NAMESPACE.name,
    env::S3_PROFILE.name,
    env::S3_PATH_STYLE.name,
    env::S3_ANONYMOUS.name,
    env::S3_CONCURRENCY.name,
    env::REMOTE_ACCESS.name,
    env::REMOTE_READONLY.name,
    env::REMOTE_TRUST.name,
    env::REMOTE_PUBLIC_KEYS.name,
    env::REMOTE_SECRET_KEY_FILE.name,
    env::COMPRESSION_LEVEL.name,
    env::LOCAL_ONLY.name,
    "GITHUB_EVENT_NAME",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
    "CI_MERGE_REQUEST_PROJECT_ID",
    "BUILDKITE_PULL_REQUEST_REPO",
    "BUILDKITE_REPO",
];

/// Variables with secrets. No compiler and no build script that kache starts sees them.
pub const CREDENTIALS: &[&str] = &[
    env::S3_ACCESS_KEY.name,
    env::S3_SECRET_KEY.name,
    env::S3_SESSION_TOKEN.name,
    env::REMOTE_SECRET_KEY.name,
];

/// What may be done with the remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    ReadWrite,
    ReadOnly,
    WriteOnly,
}

impl Access {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Access> {
        let all = [Access::ReadWrite, Access::ReadOnly, Access::WriteOnly];
        all.into_iter().find(|access| access.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Access::ReadWrite => "read-write",
            Access::ReadOnly => "read-only",
            Access::WriteOnly => "write-only",
        }
    }

    pub fn can_read(self) -> bool {
        self != Access::WriteOnly
    }

    pub fn can_write(self) -> bool {
        self != Access::ReadOnly
    }
}

/// Whose entries are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustMode {
    /// Those that are signed with a key that the user lists.
    Signed,
    /// Those of all who can write to the bucket.
    Bucket,
}

impl TrustMode {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<TrustMode> {
        [TrustMode::Signed, TrustMode::Bucket].into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            TrustMode::Signed => "signed",
            TrustMode::Bucket => "bucket",
        }
    }
}

/// The settings of the remote, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteConfig {
    pub bucket: Setting<Option<String>>,
    pub dir: Setting<Option<PathBuf>>,
    pub endpoint: Setting<Option<String>>,
    pub region: Setting<Option<String>>,
    pub prefix: Setting<Option<String>>,
    /// Where manifests of builds are.
    pub namespace: Setting<String>,
    pub profile: Setting<Option<String>>,
    /// `None`: where there is an endpoint.
    pub path_style: Setting<Option<bool>>,
    pub anonymous: Setting<bool>,
    pub access: Setting<Access>,
    /// `None`: [`RemoteConfig::trust()`] decides.
    pub trust: Setting<Option<TrustMode>>,
    /// Sorted, each once.
    pub public_keys: Setting<Vec<String>>,
    pub secret_key_file: Setting<Option<PathBuf>>,
    pub concurrency: Setting<u32>,
    pub compression_level: Setting<u32>,
    /// How long a build waits for the remote, without progress.
    pub wait: Setting<Duration>,
    /// Whether the remote is not used for now.
    pub local_only: Setting<bool>,
}

impl RemoteConfig {
    /// Whether there is a remote.
    pub fn is_configured(&self) -> bool {
        self.bucket.value.is_some() || self.dir.value.is_some()
    }

    /// Whether there is a remote, and it is not turned off.
    pub fn is_used(&self) -> bool {
        self.is_configured() && !self.local_only.value
    }

    /// Where it is, for people. `None`: nowhere.
    pub fn place(&self) -> Option<String> {
        let Some(bucket) = &self.bucket.value else {
            return self.dir.value.as_ref().map(|dir| dir.display().to_string());
        };
        let folder = self.prefix.value.as_deref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
        let server = self.endpoint.value.as_deref().map(|url| format!(" at {url}")).unwrap_or_default();
        Some(format!("s3://{bucket}{folder}{server}"))
    }

    /// Whose entries are believed. What everybody can read is not thereby written by somebody who is trusted.
    pub fn trust(&self) -> TrustMode {
        match self.trust.value {
            _ if self.anonymous.value => TrustMode::Signed,
            Some(mode) => mode,
            None if !self.public_keys.value.is_empty() => TrustMode::Signed,
            None => TrustMode::Bucket,
        }
    }
}

/// Credentials and keys from the environment. They are in no file, and are not printed.
#[derive(Clone, Default)]
pub struct RemoteSecrets {
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
    pub session_token: Option<String>,
    /// The text of a secret key of minisign.
    pub signing_key: Option<String>,
}

impl fmt::Debug for RemoteSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RemoteSecrets")
    }
}

impl RemoteSecrets {
    /// Those in the environment.
    pub fn from_env(env: Lookup<'_>) -> RemoteSecrets {
        RemoteSecrets {
            access_key: secret(env, &env::S3_ACCESS_KEY),
            secret_key: secret(env, &env::S3_SECRET_KEY),
            session_token: secret(env, &env::S3_SESSION_TOKEN),
            signing_key: secret(env, &env::REMOTE_SECRET_KEY),
        }
    }
}

fn secret(env: Lookup<'_>, variable: &Variable) -> Option<String> {
    env::non_empty(env, variable.name)?.into_string().ok()
}

/// The name of a bucket, or of an access point.
pub(super) fn bucket(text: &str) -> Option<String> {
    (is_short(text) && has_only(text, b".-_:/")).then(|| text.to_owned())
}

/// A URL without user, password and query: those would be credentials.
pub(super) fn endpoint(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    (is_short(rest) && has_only(rest, b".-_:/[]%")).then(|| text.trim_end_matches('/').to_owned())
}

pub(super) fn region(text: &str) -> Option<String> {
    (is_short(text) && has_only(text, b"-_")).then(|| text.to_owned())
}

/// Names of folders, with `/` between them.
pub(super) fn prefix(text: &str) -> Option<String> {
    let text = text.trim_matches('/');
    (is_short(text) && text.split('/').all(is_folder)).then(|| text.to_owned())
}

fn is_folder(name: &str) -> bool {
    !name.is_empty() && has_only(name, b".-_") && !name.starts_with('.')
}

/// The name of one folder.
pub fn namespace(text: &str) -> Option<String> {
    prefix(text)
        .filter(|name| name == text && !name.contains('/') && !name.ends_with('.') && name.len() <= 64)
}

pub(super) fn profile(text: &str) -> Option<String> {
    (is_short(text) && !text.contains(char::is_control)).then(|| text.to_owned())
}

fn is_short(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255
}

/// Whether `text` has nothing but letters and digits of ASCII and these other characters.
fn has_only(text: &str, others: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// Whether `text` has the form of a public key of minisign.
pub(super) fn is_public_key(text: &str) -> bool {
    text.len() == 56 && text.starts_with("RW") && has_only(text, b"+/")
}

pub(super) fn concurrency(text: &str) -> Option<u32> {
    text.parse().ok().filter(|n| (1..=64).contains(n))
}

pub(super) fn compression_level(text: &str) -> Option<u32> {
    text.parse().ok().filter(|level| (1..=19).contains(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_holds_no_credentials() {
        for text in ["https://s3.example.com", "http://127.0.0.1:9000", "https://[::1]:9000/path"] {
            assert_eq!(endpoint(text).as_deref(), Some(text));
        }
        assert_eq!(endpoint("https://s3.example.com/").as_deref(), Some("https://s3.example.com"));
        for text in
            ["s3.example.com", "https://", "https://user:password@host", "https://host?key=1", "ftp://x"]
        {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }

    #[test]
    fn a_prefix_leads_nowhere_else() {
        assert_eq!(prefix("/team/kache/").as_deref(), Some("team/kache"));
        for text in ["", "/", "..", "a/../b", "a//b", ".a", "a b"] {
            assert_eq!(prefix(text), None, "{text}");
        }
    }

    #[test]
    fn a_namespace_is_one_folder() {
        assert_eq!(namespace("team-a.2").as_deref(), Some("team-a.2"));
        for text in ["", "a/b", "/a", "..", "a.", "a b", &"a".repeat(65)] {
            assert_eq!(namespace(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let secrets = RemoteSecrets { secret_key: Some("hidden".into()), ..RemoteSecrets::default() };
        assert!(!format!("{secrets:?}").contains("hidden"));
    }
}
