//! Writes what package managers and the installers need for a release that was built:
//!
//! ```text
//! cargo run --example packaging -- SHA256SUMS OUT_DIR
//! ```

#![expect(clippy::disallowed_methods, reason = "it works on the project, from outside")]
#![expect(clippy::print_stderr, reason = "it is a tool for people")]

mod render;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [sums, out] = &args[..] else {
        eprintln!("error: two arguments are needed: SHA256SUMS OUT_DIR");
        return ExitCode::from(2);
    };
    match write(Path::new(sums), Path::new(out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(sums: &Path, out: &Path) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(sums).map_err(|e| format!("{}: {e}", sums.display()))?;
    let release = render::Release::read(root)?.with_sums(&text)?;
    for (name, content) in render::release_files(root, &release)? {
        let path = out.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(out)).map_err(|e| format!("{}: {e}", path.display()))?;
        fs::write(&path, content).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}
