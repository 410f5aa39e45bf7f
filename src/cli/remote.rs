//! `kache remote keygen`: makes a key to sign with.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::remote::signature::SigningKey;
use crate::report::format::Format;
use crate::sys::{dirs, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Create a key pair to sign entries with
    Keygen(KeygenArgs),
}

#[derive(clap::Args)]
#[command(after_help = "\
The key file is one of minisign without a password. Keep it where only the machines that write to the remote can read \
it, for example as a secret of your CI service in KACHE_REMOTE_SECRET_KEY.")]
struct KeygenArgs {
    /// Where to write the secret key [default: kache/remote.key in the user's configuration directory]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// The new key, without its secret.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KeygenReport {
    format: Format<1>,
    public_key: String,
    /// The file with the secret key.
    secret_key_file: String,
}

impl Report for KeygenReport {}

/// Runs the action.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    match &args.command {
        Command::Keygen(args) => keygen(args, session),
    }
}

fn keygen(args: &KeygenArgs, session: &Session<'_>) -> Result<Exit, Failure> {
    session.refuse_root_for_another()?;
    let path = match &args.file {
        Some(path) => session.env.cwd.as_deref().map_or_else(|| path.clone(), |cwd| cwd.join(path)),
        None => dirs::config(session.env)
            .map(|dir| dir.join("kache/remote.key"))
            .ok_or_else(|| Failure::usage("there is no home directory").hint("name a file with --file"))?,
    };
    let key = SigningKey::generate()
        .map_err(|e| Failure::new(format_args!("the system has no source of randomness: {e}")))?;
    if let Some(dir) = path.parent() {
        fs::settle::create_private_dir_all(dir).map_err(|e| not_written(&path, &e))?;
    }
    fs::settle::write_private(&path, key.to_text().as_bytes()).map_err(|e| not_written(&path, &e))?;
    let public_key = key.public();
    if args.json {
        let secret_key_file = path.display().to_string();
        session.print_json(&KeygenReport { format: Format, public_key, secret_key_file })?;
        return Ok(Exit::Ok);
    }
    session.print(format!(
        "The secret key is in {path}.\n\n\
         For machines that write to the remote, in the user's configuration:\n\n\
         [cache.remote]\n\
         secret_key_file = \"{path}\"\n\n\
         For machines that read from it:\n\n\
         [cache.remote]\n\
         trust = \"signed\"\n\
         public_keys = [\"{public_key}\"]\n",
        path = path.display(),
    ))?;
    Ok(Exit::Ok)
}

fn not_written(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format_args!("failed to write {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            failure.hint("choose another file; an existing key is not replaced")
        }
        _ => failure,
    }
}
