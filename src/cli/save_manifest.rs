//! `kache save-manifest`: shares what the last build in a build directory consisted of.

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::cli::{harvest, sync};
use crate::config::remote;
use crate::remote::builds::{self, Sent};
use crate::report::format::Format;
use crate::report::words::counted;
use crate::store::Store;

/// The arguments.
#[derive(clap::Args)]
#[command(after_help = "\
The first build in a new build directory, on this machine or another one, is then filled with what it has in common with \
this build. `kache sync --push` sends the entries themselves, and manifests as well.")]
pub struct Args {
    /// The build directory [default: `target` in this directory, or CARGO_TARGET_DIR]
    #[arg(value_name = "TARGET_DIR")]
    target: Option<PathBuf>,
    /// The namespace to share it in [default: `cache.remote.namespace`]
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    namespace: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn namespace(text: &str) -> Result<String, String> {
    remote::namespace(text)
        .ok_or_else(|| "not a name of letters, digits, dots, dashes and underscores".to_owned())
}

/// What is printed as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SaveManifestReport {
    format: Format<1>,
    /// The bucket or folder.
    remote: String,
    namespace: String,
    /// Units that the manifest is of.
    n_units: usize,
    /// Whether the remote had the same manifest already.
    existed: bool,
}

impl Report for SaveManifestReport {}

/// Makes the manifest of the last build, and sends it.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    session.refuse_root_for_another()?;
    let config = session.config()?;
    let connected = sync::connected(&config, session)?;
    let store = Store::configured(&config);
    let target = harvest::target_dir(args.target.as_ref(), session.env);
    let (build, harvested) = harvest::harvest_last(&target, &store)?;
    let namespace = args.namespace.as_ref().unwrap_or(&connected.namespace);
    let sent = builds::send(&store, &connected, &build.id, namespace).map_err(|e| sync::failed(&e))?;
    if sent == Sent::Unknown {
        return Err(Failure::new(format_args!("nothing of {} can be shared", target.display()))
            .code(ErrorCode::NotRecorded)
            .hint("build first; `kache why-miss` says what was not stored"));
    }
    let (n_units, existed) = (harvested.n_units, sent == Sent::Existed);
    if args.json {
        session.print_json(&SaveManifestReport {
            format: Format,
            remote: connected.remote.place(),
            namespace: namespace.clone(),
            n_units,
            existed,
        })?;
        return Ok(Exit::Ok);
    }
    let place = connected.remote.place();
    session.print(if existed {
        format!("{place} has this manifest already, in the namespace {namespace}.\n")
    } else {
        format!("Sent the manifest of {} to {place}, namespace {namespace}.\n", counted(n_units, "unit"))
    })?;
    Ok(Exit::Ok)
}
