//! Packages: made from one list of targets, and such that each package manager would take them.

use std::collections::BTreeMap;
use std::process::Command;

use crate::committed::{Files, are_committed, checked_by, read, root};
use crate::render::{Release, packages, release_files};

fn release() -> Release {
    Release::read(root()).expect("targets.toml and Cargo.toml are read")
}

/// As if it had been built, and the repository were known.
fn built() -> Release {
    let mut release = release();
    release.targets.repository = "https://example.test/kache".to_owned();
    let sums =
        release.programs().into_iter().enumerate().map(|(i, name)| format!("{:064x}  {name}\n", i + 1));
    let sums: String = sums.collect();
    release.with_sums(&sums).expect("every program has its sum")
}

#[test]
fn what_is_generated_as_packages_is_what_the_targets_say() {
    let rendered = packages(root(), &release()).expect("every template can be filled");
    let rendered: Files =
        rendered.into_iter().map(|(name, text)| (format!("packaging/rendered/{name}"), text)).collect();
    assert!(rendered.len() > 12);
    are_committed(&["packaging/rendered"], &rendered);
}

#[test]
fn a_release_leaves_no_placeholder() {
    for (name, text) in release_files(root(), &built()).expect("every template can be filled") {
        for placeholder in
            ["@sha", "@SHA", "@version@", "@repository@", "repository.invalid", &"0".repeat(64)]
        {
            assert!(!text.contains(placeholder), "{name}: {placeholder}");
        }
    }
}

#[test]
fn nothing_is_released_without_a_repository_or_a_checksum() {
    let error = release().with_sums("").err().expect("the repository is not known");
    assert!(error.contains("where the repository is"), "{error}");
    let mut known = release();
    known.targets.repository = "https://example.test/kache".to_owned();
    let error = known.with_sums("").err().expect("sums are missing");
    assert!(error.contains("no checksum for kache-"), "{error}");
    let mut known = release();
    known.targets.repository = "https://example.test/kache".to_owned();
    assert!(known.with_sums("abc  kache\n").is_err());
}

#[test]
fn the_installers_of_a_release_know_where_it_is_and_what_it_weighs() {
    let files = release_files(root(), &built()).expect("every template can be filled");
    let version = env!("CARGO_PKG_VERSION");
    for name in ["kache-installer.sh", "kache-installer.ps1"] {
        let text = &files[name];
        assert!(
            text.contains(&format!("'https://example.test/kache/releases/download/v{version}'")),
            "{name}"
        );
        for program in built().programs() {
            assert!(text.contains(&format!("  {program}")), "{name} lacks the sum of {program}");
        }
    }
}

/// What takes a release's files by their names must never take one that is not for its platform.
#[test]
fn every_archive_of_a_release_says_its_platform() {
    let assets = release().assets();
    for name in &assets {
        let is_archive = [".tar.gz", ".zip", ".tgz", ".tar.xz"].iter().any(|suffix| name.ends_with(suffix));
        let says = release().targets.target.iter().any(|target| name.contains(&target.triple));
        assert!(!is_archive || says, "{name}");
        assert!(!name.contains("provenance") && !name.ends_with(".intoto.jsonl"), "{name}");
    }
    assert!(assets.iter().filter(|name| name.ends_with(".tar.gz") || name.ends_with(".zip")).count() > 5);
}

#[test]
fn binstall_finds_the_archive_of_each_target() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let text = |value: &toml::Value| value.as_str().expect("it is a text").to_owned();
    for target in &release().targets.target {
        let own = binstall["overrides"].get(&target.triple);
        let format = text(own.and_then(|own| own.get("pkg-fmt")).unwrap_or(&binstall["pkg-fmt"]));
        let suffix = if format == "zip" { ".zip" } else { ".tar.gz" };
        let name = text(&binstall["pkg-url"]).rsplit('/').next().expect("a last part").to_owned();
        let fill = |text: &str| {
            text.replace("{ name }", "kache")
                .replace("{ target }", &target.triple)
                .replace("{ archive-suffix }", suffix)
        };
        assert!(release().programs().contains(&fill(&name)), "{}", fill(&name));
        let dir = fill(&text(&binstall["bin-dir"]));
        assert_eq!(dir, format!("kache-{}/{{ bin }}{{ binary-ext }}", target.triple));
    }
}

#[test]
fn scoops_manifest_has_what_scoop_needs() {
    let text = read("packaging/rendered/scoop/kache.json");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    for key in ["version", "description", "homepage", "license", "bin", "checkver", "autoupdate"] {
        assert!(!manifest[key].is_null(), "{key}");
    }
    for arch in ["64bit", "arm64"] {
        let hash = manifest["architecture"][arch]["hash"].as_str().expect("a hash");
        assert_eq!(hash.len(), 64, "{arch}");
    }
}

/// A cargo that calls a program that is not there builds nothing.
#[test]
fn whoever_removes_the_package_by_a_manager_with_hooks_has_cargo_unwired_first() {
    let text = read("packaging/rendered/scoop/kache.json");
    let manifest: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let lines = manifest["pre_uninstall"].as_array().expect("a script of lines");
    let lines: Vec<&str> = lines.iter().filter_map(serde_json::Value::as_str).collect();
    assert_eq!(lines[0], "if ($cmd -eq 'uninstall') {", "an update goes through there, too");
    assert_eq!(lines[1], r#"    & "$dir\kache.exe" uninstall -y"#);
    let script = read("packaging/rendered/chocolatey/tools/chocolateyuninstall.ps1");
    assert!(script.contains("& $program uninstall -y") && script.is_ascii());
    let program = script.split('\'').find(|part| part.ends_with(r"\kache.exe")).expect("a program");
    let dir = program.split('\\').next().expect("a directory");
    assert!(release().programs().contains(&format!("{dir}.zip")), "{dir}");
}

#[test]
fn homebrew_can_run_the_daemon_as_a_service() {
    let formula = read("packaging/rendered/homebrew/kache.rb");
    let (_, service) = formula.split_once("  service do\n").expect("a service");
    let (service, _) = service.split_once("  end\n").expect("it ends");
    assert_eq!(service, "    run [opt_bin/\"kache\", \"daemon\", \"run\"]\n    keep_alive crashed: true\n");
}

#[test]
fn wingets_manifests_are_of_one_version_and_of_the_three_kinds() {
    let mut kinds = Vec::new();
    for part in ["", ".installer", ".locale.en-US"] {
        let name = format!("packaging/rendered/winget/Kache.Kache{part}.yaml");
        let text = read(&name);
        let pairs = text.lines().filter_map(|line| line.split_once(": "));
        let keys: BTreeMap<&str, &str> =
            pairs.map(|(key, value)| (key.trim_start_matches([' ', '-']), value)).collect();
        assert_eq!(keys["PackageVersion"], env!("CARGO_PKG_VERSION"), "{name}");
        assert_eq!(keys["PackageIdentifier"], "Kache.Kache", "{name}");
        assert_eq!(keys["ManifestVersion"], "1.12.0", "{name}");
        kinds.push(keys["ManifestType"].to_owned());
        checked_by("python3", &["-c", YAML], &name);
    }
    kinds.sort();
    assert_eq!(kinds, ["defaultLocale", "installer", "version"]);
}

/// Parses the file that is named, where Python has a parser.
pub(crate) const YAML: &str = "import sys\ntry:\n    import yaml\nexcept ImportError:\n    sys.exit(0)\n\
                               yaml.safe_load(open(sys.argv[1]))";

#[test]
fn chocolateys_specification_is_well_formed() {
    let text = read("packaging/rendered/chocolatey/kache.nuspec");
    let mut open: Vec<&str> = Vec::new();
    let mut n_elements = 0;
    for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().expect("a part")) {
        let name = tag.trim_start_matches('/').split_whitespace().next().expect("a tag has a name");
        match tag {
            tag if tag.starts_with('?') || tag.ends_with('/') => {}
            tag if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            _ => {
                open.push(name);
                n_elements += 1;
            }
        }
    }
    assert!(open.is_empty() && n_elements > 9, "{open:?} is not closed");
    let install = read("packaging/rendered/chocolatey/tools/chocolateyinstall.ps1");
    assert!(install.contains("checksum64") && install.contains("'sha256'"));
    checked_by("xmllint", &["--noout"], "packaging/rendered/chocolatey/kache.nuspec");
}

#[test]
fn arch_linux_reads_the_same_from_both_files() {
    let script = r#". "$1"; printf '\tpkgdesc = %s\n\tpkgver = %s\n\turl = %s\n' "$pkgdesc" "$pkgver" "$url"
        for arch in "${arch[@]}"; do declare -n source=source_$arch sums=sha256sums_$arch
        printf '\tsource_%s = %s\n\tsha256sums_%s = %s\n' "$arch" "${source[0]}" "$arch" "${sums[0]}"; done"#;
    let path = root().join("packaging/rendered/aur/PKGBUILD");
    let Ok(output) = Command::new("bash").args(["-c", script, "bash"]).arg(path).output() else {
        println!("PKGBUILD is not read: there is no bash");
        return;
    };
    let committed = read("packaging/rendered/aur/.SRCINFO");
    let said = String::from_utf8(output.stdout).expect("it is UTF-8");
    assert_eq!(said.lines().count(), 7, "{}", String::from_utf8_lossy(&output.stderr));
    for line in said.lines() {
        assert!(committed.lines().any(|committed| committed == line), ".SRCINFO lacks {line}");
    }
}

#[test]
fn the_flake_builds_for_every_system_of_nix_that_is_released_for() {
    let flake = read("packaging/rendered/nix/flake.nix");
    let quoted = flake.lines().map(str::trim).filter(|line| line.starts_with('"'));
    let systems: Vec<&str> = quoted.map(|line| line.trim_matches('"')).collect();
    assert_eq!(systems, ["x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"]);
    assert!(flake.contains("kache = pkgs.callPackage ./package.nix { };"), "{flake}");
}

#[test]
fn tools_that_are_here_take_the_packages() {
    checked_by("bash", &["-n"], "packaging/rendered/aur/PKGBUILD");
    checked_by("ruby", &["-c"], "packaging/rendered/homebrew/kache.rb");
    checked_by("nix-instantiate", &["--parse"], "packaging/rendered/nix/package.nix");
    checked_by("nix-instantiate", &["--parse"], "packaging/rendered/nix/flake.nix");
    checked_by("rpmspec", &["-P"], "packaging/rendered/rpm/kache.spec");
    checked_by("sh", &["-n"], "packaging/rendered/deb/prerm");
    let formula = read("packaging/rendered/homebrew/kache.rb");
    assert!(formula.starts_with("class Kache < Formula\n") && formula.matches("sha256 \"").count() == 4);
}
