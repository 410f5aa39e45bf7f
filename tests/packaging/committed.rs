//! Files that are generated and committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::skip::skip;

/// Generated files: paths below the project's root, and what they hold.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Has a tool look at a file, where it is installed.
#[track_caller]
pub(crate) fn checked_by(tool: &str, args: &[&str], name: &str) {
    let path = root().join(name);
    match Command::new(tool).args(args).arg(&path).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            assert!(output.status.success(), "{tool} on {name}:\n{}", String::from_utf8_lossy(&said));
        }
        Err(e) => skip(tool, &format!("{name} is not checked: {tool}: {e}")),
    }
}

/// Asserts that these files, and no others, are in `folders`; or makes it so where REGENERATE is set.
#[track_caller]
pub(crate) fn are_committed(folders: &[&str], expected: &Files) {
    let is_asked = env::var_os("REGENERATE").is_some();
    let mut problems = Vec::new();
    for path in folders.iter().flat_map(|folder| below(&root().join(folder))) {
        let name = path.strip_prefix(root()).expect("it is below").to_string_lossy().replace('\\', "/");
        if expected.contains_key(&name) {
            continue;
        }
        if is_asked {
            fs::remove_file(&path).expect("removes what is not generated any more");
        }
        problems.push(format!("{name} is not generated any more"));
    }
    for (name, content) in expected {
        let path = root().join(name);
        if fs::read_to_string(&path).is_ok_and(|committed| committed == *content) {
            continue;
        }
        if is_asked {
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("makes the folder");
            fs::write(&path, content).expect("writes what is generated");
        }
        problems.push(format!("{name} is not what is generated"));
    }
    assert!(is_asked || problems.is_empty(), "run `just gen`:\n  {}\n", problems.join("\n  "));
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("lists").path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}
