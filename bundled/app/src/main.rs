//! Counts the words of files: `trial [--settings FILE] FILE…`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use model::Report;
use settings::Settings;

/// Counts words and tells texts apart
#[derive(Parser)]
struct Arguments {
    /// Settings, as TOML
    #[arg(long)]
    settings: Option<PathBuf>,
    /// The texts
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = match &arguments.settings {
        Some(path) => {
            Settings::parse(&fs::read_to_string(path).with_context(|| path.display().to_string())?)?
        }
        None => Settings::default(),
    };
    let mut reports = Vec::new();
    for path in &arguments.files {
        let text = fs::read(path).with_context(|| path.display().to_string())?;
        let n_words = digest::words(&text).filter(|word| word.len() >= settings.shortest_word).count();
        reports.push(Report::new(&path.display().to_string(), n_words, digest::name_of(&text))?);
    }
    println!("{}", serde_json::to_string(&reports)?);
    Ok(())
}
