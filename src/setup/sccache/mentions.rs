//! Files of a repository that name sccache. They are shown: what they mean is for the people of the repository to say.

use std::path::{Path, PathBuf};

use crate::sys::fs;

const FILES: [&str; 22] = [
    "mise.toml",
    ".mise.toml",
    ".tool-versions",
    "flake.nix",
    "shell.nix",
    ".devcontainer/devcontainer.json",
    ".devcontainer.json",
    ".vscode/settings.json",
    "Justfile",
    "justfile",
    "Makefile",
    "CMakePresets.json",
    "CMakeLists.txt",
    "Cross.toml",
    "Dockerfile",
    "Containerfile",
    "docker-compose.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".buildkite/pipeline.yml",
    "azure-pipelines.yml",
    ".travis.yml",
];

const LARGEST_BYTES: u64 = 1 << 20;
const MOST_LINES: usize = 5;

/// Where the files of the repository at `project` name sccache, as `path:line: text`.
pub fn of(project: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = FILES.iter().map(|name| project.join(name)).collect();
    let workflows = fs::list(&project.join(".github/workflows")).unwrap_or_default();
    files.extend(
        workflows
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml")),
    );
    files.iter().flat_map(|path| in_file(path)).collect()
}

fn in_file(path: &Path) -> Vec<String> {
    let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= LARGEST_BYTES);
    let bytes = if is_small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate().filter(|(_, line)| line.to_ascii_lowercase().contains("sccache"));
    // A value may be a secret: only what stands before it is shown.
    let shown = |line: &str| {
        line.split(['=', ':']).next().unwrap_or_default().trim().chars().take(60).collect::<String>()
    };
    lines
        .take(MOST_LINES)
        .map(|(index, line)| format!("{}:{}: {}", path.display(), index + 1, shown(line)))
        .collect()
}
