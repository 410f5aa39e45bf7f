//! Packages as text: the templates of `packaging/templates/`, filled with what `packaging/targets.toml`, `Cargo.toml`
//! and the checksums of a release say.
//!
//! `@name@` is replaced by the value of that name, `@sha256:FILE@` by the checksum of a file of the release, and
//! `@SHA256:FILE@` by the same in capital letters. Before there is a release, checksums are zeros: what is installed
//! from such a package fails, and is never unchecked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kache::setup::service::supervisor::ServiceSpec;
use kache::setup::service::systemd;
use serde::Deserialize;

/// Paths and what the files hold.
pub(crate) type Files = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Targets {
    name: String,
    summary: String,
    license: String,
    maintainer: String,
    pub(crate) repository: String,
    public_key: String,
    pub(crate) target: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) triple: String,
    os: String,
    arch: String,
}

/// What a release is.
pub(crate) struct Release {
    pub(crate) targets: Targets,
    pub(crate) version: String,
    /// Of each file, before there is a release: none.
    sums: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    version: String,
}

impl Release {
    /// The release that this tree would be.
    pub(crate) fn read(root: &Path) -> Result<Release, String> {
        let targets = read(&root.join("packaging/targets.toml"))?;
        let manifest = read(&root.join("Cargo.toml"))?;
        let manifest: Manifest = toml::from_str(&manifest).map_err(|e| format!("Cargo.toml: {e}"))?;
        let targets = toml::from_str(&targets).map_err(|e| format!("packaging/targets.toml: {e}"))?;
        Ok(Release { targets, version: manifest.package.version, sums: BTreeMap::new() })
    }

    /// The same once it was built.
    ///
    /// # Errors
    /// A checksum is missing, or it is not said where the repository is.
    pub(crate) fn with_sums(mut self, sums: &str) -> Result<Release, String> {
        if self.targets.repository.contains(".invalid/") {
            return Err("packaging/targets.toml does not say where the repository is".to_owned());
        }
        for line in sums.lines() {
            let (sum, name) = line.split_once("  ").ok_or(format!("not `<sum>  <name>`: {line}"))?;
            if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("not a checksum: {line}"));
            }
            self.sums.insert(name.to_owned(), sum.to_ascii_lowercase());
        }
        let missing = self.programs().into_iter().find(|name| !self.sums.contains_key(name));
        missing.map_or(Ok(self), |name| Err(format!("there is no checksum for {name}")))
    }

    /// The archives and bare programs, of which there are checksums and signatures.
    pub(crate) fn programs(&self) -> Vec<String> {
        let mut names = Vec::new();
        for Target { triple, os, .. } in &self.targets.target {
            if os == "windows" {
                names.push(format!("kache-{triple}.zip"));
                names.push(format!("kache-{triple}.exe"));
            } else {
                names.push(format!("kache-{triple}.tar.gz"));
            }
        }
        names
    }

    /// Every file that is attached to the release. None is an archive without a platform in its name: tools that
    /// look for one of their platform would take that.
    pub(crate) fn assets(&self) -> Vec<String> {
        let programs = self.programs();
        let beside = |suffix: &'static str| programs.iter().map(move |name| format!("{name}{suffix}"));
        let mut names: Vec<String> = programs.iter().cloned().chain(beside(".sha256")).collect();
        if !self.targets.public_key.is_empty() {
            names.extend(beside(".sig"));
            names.push("SHA256SUMS.minisig".to_owned());
        }
        let others = ["SHA256SUMS", "kache-installer.sh", "kache-installer.ps1", "kache.cdx.json"];
        names.extend(others.map(str::to_owned));
        for target in self.targets.target.iter().filter(|target| target.os == "linux") {
            names.push(format!("kache_{}_{}.deb", self.version, deb_arch(target)));
            names.push(format!("kache-{}-1.{}.rpm", self.version, target.arch));
        }
        names.sort();
        names
    }

    fn sum(&self, name: &str) -> Result<String, String> {
        if !self.programs().iter().any(|program| program == name) {
            return Err(format!("`{name}` is not part of a release"));
        }
        Ok(self.sums.get(name).cloned().unwrap_or("0".repeat(64)))
    }

    fn value(&self, name: &str, arch: &str) -> Result<String, String> {
        if let Some(file) = name.strip_prefix("sha256:") {
            return self.sum(file);
        }
        if let Some(file) = name.strip_prefix("SHA256:") {
            return self.sum(file).map(|sum| sum.to_ascii_uppercase());
        }
        Ok(match name {
            "name" => self.targets.name.clone(),
            "version" => self.version.clone(),
            "summary" => self.targets.summary.clone(),
            "license" => self.targets.license.clone(),
            "maintainer" => self.targets.maintainer.clone(),
            "repository" => self.targets.repository.clone(),
            "deb_arch" => arch.to_owned(),
            "nix_systems" => self.nix_systems(),
            _ => return Err(format!("`@{name}@` has no value")),
        })
    }

    /// The systems of Nix that there are targets for, one a line.
    fn nix_systems(&self) -> String {
        let systems = self.targets.target.iter().filter_map(|target| match target.os.as_str() {
            "linux" => Some(format!("        \"{}-linux\"", target.arch)),
            "macos" => Some(format!("        \"{}-darwin\"", target.arch)),
            _ => None,
        });
        systems.collect::<Vec<_>>().join("\n")
    }

    fn fill(&self, template: &str, arch: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('@') {
            filled += before;
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_:.-".contains(c);
            match after.split_once('@') {
                Some((name, after)) if !name.is_empty() && name.chars().all(is_name) => {
                    filled += &self.value(name, arch)?;
                    rest = after;
                }
                _ => {
                    filled.push('@');
                    rest = after;
                }
            }
        }
        Ok(filled + rest)
    }
}

fn deb_arch(target: &Target) -> &'static str {
    if target.arch == "aarch64" { "arm64" } else { "amd64" }
}

/// Every package, by its path below `packaging/rendered/`, and the list of the release's files.
pub(crate) fn packages(root: &Path, release: &Release) -> Result<Files, String> {
    let templates = root.join("packaging/templates");
    let mut files = Files::new();
    for path in below(&templates)? {
        let name = path.strip_prefix(&templates).map_err(|e| e.to_string())?;
        let name = name.to_string_lossy().replace('\\', "/");
        let template = read(&path)?;
        if name == "deb/control" {
            for target in release.targets.target.iter().filter(|target| target.os == "linux") {
                let arch = deb_arch(target);
                files.insert(format!("deb/control.{arch}"), release.fill(&template, arch)?);
            }
            continue;
        }
        let filled = release.fill(&template, "").map_err(|e| format!("{name}: {e}"))?;
        files.insert(name, filled);
    }
    let service = packaged_service(release);
    files.insert("systemd/kache.service".to_owned(), systemd::unit(&service));
    files.insert("systemd/kache.socket".to_owned(), systemd::socket(&service));
    files.insert("assets.txt".to_owned(), release.assets().join("\n") + "\n");
    Ok(files)
}

/// The daemon of whoever logs in, run from where packages of the system put the program.
pub(crate) fn packaged_service(release: &Release) -> ServiceSpec {
    let name = &release.targets.name;
    ServiceSpec {
        exe: Path::new("/usr/bin").join(name),
        copy: None,
        name: name.clone(),
        socket: "daemon.sock".to_owned(),
        home: PathBuf::new(),
        config_dir: PathBuf::new(),
        user: String::new(),
    }
}

/// What is made once a release was built: the packages, and installers that know this release.
pub(crate) fn release_files(root: &Path, release: &Release) -> Result<Files, String> {
    let mut files = packages(root, release)?;
    for (name, before_name) in [("sh", "release_"), ("ps1", "    $release_")] {
        let script = read(&root.join(format!("installers/install.{name}")))?;
        let known = installer(&script, before_name, release);
        let known = known.ok_or(format!("installers/install.{name} has no place for the release"))?;
        files.insert(format!("kache-installer.{name}"), known);
    }
    Ok(files)
}

/// The installer with what it is to know of the release, in the place of the lines that assign nothing to the same names.
fn installer(script: &str, before_name: &str, release: &Release) -> Option<String> {
    let url = format!("{}/releases/download/v{}", release.targets.repository, release.version);
    let sums: Vec<String> = release.sums.iter().map(|(name, sum)| format!("{sum}  {name}")).collect();
    let is_shell = before_name == "release_";
    let mut known = script.to_owned();
    for (name, value) in [
        ("version", &release.version),
        ("url", &url),
        ("key", &release.targets.public_key),
        ("sums", &sums.join("\n")),
    ] {
        let equals = if is_shell { "=" } else { " = " };
        let line = |value: &str| format!("\n{before_name}{name}{equals}'{value}'\n");
        let (before, after) = known.split_once(&line(""))?;
        known = format!("{before}{}{after}", line(value));
    }
    Some(known)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for path in entries.map(|entry| entry.map(|entry| entry.path())) {
        let path = path.map_err(|e| e.to_string())?;
        if path.is_dir() { files.extend(below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}
