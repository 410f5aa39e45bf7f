//! Packages: made from one list of targets, and such that each package manager would take them.

use std::collections::BTreeMap;
use std::process::Command;

use kache::setup::service::{launchd, systemd};

use crate::committed::{Files, are_committed, checked_by, read, root};
use crate::render::{Release, packaged_service, packages, release_files};
use crate::skip::skip;

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
    assert_eq!(lines[1], r#"    & "$dir\kache.exe" uninstall -y --by-installer"#);
    let script = read("packaging/rendered/chocolatey/tools/chocolateyuninstall.ps1");
    assert!(script.contains("& $program uninstall -y --by-installer") && script.is_ascii());
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

/// What `makepkg --printsrcinfo` prints of a PKGBUILD of one package, in its order.
const SRCINFO: &str = r#". "$1"
each() { local -n values=$1; for value in "${values[@]}"; do printf '\t%s = %s\n' "$1" "$value"; done; }
echo "pkgbase = $pkgname"
for name in pkgdesc pkgver pkgrel url arch license checkdepends makedepends depends optdepends provides conflicts options \
    source sha256sums; do each "$name"; done
for arch in "${arch[@]}"; do each "source_$arch"; each "sha256sums_$arch"; done
printf '\npkgname = %s\n' "$pkgname""#;

const OF_ARCH: [&str; 2] = ["kache", "kache-bin"];

#[test]
fn arch_linux_reads_the_same_from_both_files() {
    for package in OF_ARCH {
        let path = root().join(format!("packaging/rendered/aur/{package}/PKGBUILD"));
        let Ok(output) = Command::new("bash").args(["-c", SRCINFO, "bash"]).arg(path).output() else {
            skip("bash", "PKGBUILD is not read: there is no bash");
            return;
        };
        let said = String::from_utf8(output.stdout).expect("it is UTF-8");
        let committed = read(&format!("packaging/rendered/aur/{package}/.SRCINFO"));
        assert_eq!(said, committed, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Without bash as well: every line of `.SRCINFO` says what stands in the PKGBUILD.
#[test]
fn a_package_of_arch_linux_has_what_it_needs() {
    for package in OF_ARCH {
        let build = read(&format!("packaging/rendered/aur/{package}/PKGBUILD"));
        let info = read(&format!("packaging/rendered/aur/{package}/.SRCINFO"));
        for (name, value) in info.lines().filter_map(|line| line.trim_start().split_once(" = ")) {
            let is_there = name == "pkgbase" || build.contains(value);
            assert!(is_there, "{package}: {name} = {value}");
        }
        assert!(
            info.starts_with(&format!("pkgbase = {package}\n"))
                && info.ends_with(&format!("\npkgname = {package}\n"))
        );
        for path in [
            "/usr/bin/kache",
            "/usr/lib/systemd/user",
            "/usr/share/man/man1",
            "/usr/share/zsh/site-functions/_kache",
        ] {
            assert!(build.contains(path), "{package} installs nothing as {path}");
        }
        assert_eq!(build.matches('{').count(), build.matches('}').count(), "{package}");
    }
    // One is there for the other, and both are of one version.
    assert!(
        read("packaging/rendered/aur/kache-bin/.SRCINFO")
            .contains("\tprovides = kache\n\tconflicts = kache\n")
    );
    // It is built by a compiler that nothing stands in front of, which may be an older kache.
    let source = read("packaging/rendered/aur/kache/PKGBUILD");
    let calls: Vec<&str> = source.lines().map(str::trim).filter(|line| line.contains("cargo ")).collect();
    assert!(calls.len() == 3 && calls.iter().all(|call| call.starts_with("RUSTC_WRAPPER='' ")), "{calls:?}");
}

#[test]
fn packages_bring_the_units_that_kache_itself_would_install() {
    let service = packaged_service(&release());
    assert_eq!(read("packaging/rendered/systemd/kache.service"), systemd::unit(&service));
    assert_eq!(read("packaging/rendered/systemd/kache.socket"), systemd::socket(&service));
    // An older systemd than the one here may not know a word, and says so: nothing is printed where all is known.
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("kache");
    std::fs::copy(env!("CARGO_BIN_EXE_kache"), &program).expect("copies");
    let text = read("packaging/rendered/systemd/kache.service");
    let text = text.replace("/usr/bin/kache", program.to_str().expect("it is UTF-8"));
    std::fs::write(dir.path().join("kache.service"), text).expect("writes");
    let socket = root().join("packaging/rendered/systemd/kache.socket");
    std::fs::copy(socket, dir.path().join("kache.socket")).expect("copies");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "verify", "kache.service", "kache.socket"]).current_dir(dir.path());
    match verify.env("XDG_RUNTIME_DIR", dir.path()).output() {
        Ok(said) => assert_eq!(String::from_utf8_lossy(&said.stderr), "", "{said:?}"),
        Err(e) => skip("systemd-analyze", &format!("units are not verified: {e}")),
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

const OF_NIX: [&str; 7] = ["agent", "darwin", "flake", "home-manager", "nixos", "options", "package"];

/// Without Nix: what is opened is closed, in order, and texts end.
#[test]
fn files_of_nix_are_balanced() {
    for name in OF_NIX {
        let text = read(&format!("packaging/rendered/nix/{name}.nix"));
        let code: String =
            text.lines().map(|line| line.split(" #").next().expect("a part").to_owned() + "\n").collect();
        let code: String = code.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            code.matches('"').count() % 2 + code.matches("''").count() % 2,
            0,
            "{name}: a text has no end"
        );
        let mut open = Vec::new();
        for c in code.chars() {
            match c {
                '{' | '[' | '(' => open.push(c),
                '}' => assert_eq!(open.pop(), Some('{'), "{name}"),
                ']' => assert_eq!(open.pop(), Some('['), "{name}"),
                ')' => assert_eq!(open.pop(), Some('('), "{name}"),
                _ => {}
            }
        }
        assert!(open.is_empty(), "{name}: {open:?} is not closed");
        if ["darwin", "home-manager", "nixos"].contains(&name) {
            assert!(
                read("packaging/rendered/nix/flake.nix").contains(&format!("import ./{name}.nix self;")),
                "{name}"
            );
            assert!(text.contains("import ./options.nix { inherit self lib pkgs; }"), "{name}");
        }
    }
}

/// What stands for the library and the packages of Nix, of which there are none here: a condition that does not hold
/// leaves nothing.
const MODULE: &str = r#"
{ file, on, linux }:
let
  lib = {
    mkIf = condition: value: if condition then value else { };
    mkOption = option: option;
    mkEnableOption = what: { default = false; };
    literalExpression = text: text;
    types = { package = "package"; bool = "bool"; };
  };
  pkgs.stdenv.hostPlatform = { system = "x"; isLinux = linux; isDarwin = !linux; };
  self.packages.x.kache = "/package";
  config.home.profileDirectory = "/profile";
  config.services.kache = { enable = true; package = "/package"; wrapper = on; daemon = on; };
  module = import file self { inherit config lib pkgs; };
in
{ inherit (module) config; options = builtins.attrNames module.options.services.kache; }
"#;

/// What an expression of Nix is; `None` where there is no Nix, which is said.
fn evaluated(expression: &str) -> Option<serde_json::Value> {
    let state = tempfile::tempdir().expect("a directory");
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--eval", "--strict", "--json", "--expr", expression]).env("HOME", state.path());
    for (variable, dir) in [("NIX_STATE_DIR", "var"), ("NIX_STORE_DIR", "store"), ("NIX_LOG_DIR", "log")] {
        nix.env(variable, state.path().join(dir));
    }
    match nix.output() {
        Ok(said) if said.status.success() => Some(serde_json::from_slice(&said.stdout).expect("it is JSON")),
        Ok(said) => panic!("{expression}:\n{}", String::from_utf8_lossy(&said.stderr)),
        Err(e) => {
            skip("nix-instantiate", &format!("what is made for Nix is not evaluated: {e}"));
            None
        }
    }
}

fn of_nix(name: &str) -> String {
    root().join(format!("packaging/rendered/nix/{name}.nix")).display().to_string()
}

fn module(name: &str, on: bool, linux: bool) -> Option<serde_json::Value> {
    evaluated(&format!("({MODULE}) {{ file = {}; on = {on}; linux = {linux}; }}", of_nix(name)))
}

#[test]
fn the_flake_leads_to_its_modules_and_the_package_installs_what_is_there() {
    let flake = format!(
        "let flake = (import {}).outputs {{ self = {{ }}; nixpkgs.lib.genAttrs = systems: make: systems; }};
         in map (kind: builtins.isFunction flake.${{kind}}.default)
             [ \"nixosModules\" \"darwinModules\" \"homeManagerModules\" ] ++ flake.packages",
        of_nix("flake")
    );
    let systems = ["x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"];
    let Some(found) = evaluated(&flake) else { return };
    let (functions, packages) = found.as_array().expect("a list").split_at(3);
    assert!(functions.iter().all(|is| *is == true) && packages == systems, "{found}");
    let steps = |linux: bool| {
        let call = format!(
            "(import {} {{ lib = {{ cleanSource = it: it; licenses.asl20 = 1;
                optionalString = condition: text: if condition then text else \"\"; }};
               stdenv.hostPlatform.isLinux = {linux}; rustPlatform.buildRustPackage = it: it; installShellFiles = 1;
             }}).postInstall",
            of_nix("package")
        );
        evaluated(&call).expect("there is Nix").as_str().expect("a text").to_owned()
    };
    assert!(!steps(false).contains("systemd"));
    let steps = steps(true);
    let files = steps.split_whitespace().filter(|word| word.contains('/') && !word.starts_with(['$', '/']));
    let files: Vec<&str> = files.filter(|word| !word.contains('*')).collect();
    assert_eq!(files.len(), 5, "{steps}");
    assert!(files.iter().all(|file| root().join(file).is_file()), "{steps}");
    assert!(steps.contains("--replace-fail /usr/bin/kache $out/bin/kache"), "{steps}");
    assert_eq!(read("packaging/rendered/systemd/kache.service").matches("/usr/bin/kache").count(), 1);
}

#[test]
fn modules_of_nix_have_cargo_call_kache_and_the_daemon_started() {
    for (name, linux, wrapper, path) in [
        ("nixos", true, "/environment/sessionVariables", "/run/current-system/sw/bin/kache"),
        ("darwin", false, "/environment/variables", "/run/current-system/sw/bin/kache"),
        ("home-manager", true, "/home/sessionVariables", "/profile/bin/kache"),
        ("home-manager", false, "/home/sessionVariables", "/profile/bin/kache"),
    ] {
        let (Some(on), Some(off)) = (module(name, true, linux), module(name, false, linux)) else { return };
        assert_eq!(on["options"], serde_json::json!(["daemon", "enable", "package", "wrapper"]), "{name}");
        let (on, off) = (&on["config"], &off["config"]);
        assert_eq!(on.pointer(wrapper), Some(&serde_json::json!({ "RUSTC_WRAPPER": path })), "{name}");
        assert_eq!(off.pointer(wrapper), Some(&serde_json::json!({})), "{name}");
        let (daemon, expected) = match (name, linux) {
            ("nixos", _) => ("/systemd/user/sockets/kache/wantedBy/0", "sockets.target"),
            ("darwin", _) => ("/launchd/user/agents/kache/serviceConfig/ProgramArguments/0", path),
            (_, true) => (
                "/xdg/configFile/systemd~1user~1sockets.target.wants~1kache.socket/source",
                "/package/lib/systemd/user/kache.socket",
            ),
            (_, false) => ("/launchd/agents/kache/config/ProgramArguments/0", path),
        };
        assert_eq!(on.pointer(daemon).and_then(serde_json::Value::as_str), Some(expected), "{name}: {on}");
        assert_eq!(off.pointer(daemon), None, "{name}");
    }
}

/// Both are agents of the same daemon.
#[test]
fn the_agent_of_nix_is_that_of_kache() {
    let plist = launchd::plist(&packaged_service(&release()));
    let agent = read("packaging/rendered/nix/agent.nix");
    let keys = |text: &str| -> Vec<String> {
        let keys = text.split("<key>").skip(1).filter_map(|rest| rest.split("</key>").next());
        keys.map(str::to_owned).collect()
    };
    // The name and the output files are left to the tool that makes the agent from its description.
    let of_both = keys(&plist).into_iter().filter(|key| !key.starts_with("Standard") && key != "Label");
    for key in of_both {
        assert!(agent.contains(&format!("{key} = ")), "{key}");
    }
    for value in
        ["10", "45", "63", "65536", "\"Interactive\"", "\"Aqua\" \"Background\"", "\"--supervised=launchd\""]
    {
        assert!(agent.contains(value) && plist.contains(value.split('"').nth(1).unwrap_or(value)), "{value}");
    }
}

#[test]
fn tools_that_are_here_take_the_packages() {
    for package in OF_ARCH {
        let build = format!("packaging/rendered/aur/{package}/PKGBUILD");
        checked_by("bash", &["-n"], &build);
        // What makepkg reads and sets is not used, nor set, in there.
        checked_by("shellcheck", &["--shell=bash", "--exclude=SC2034,SC2154,SC2164"], &build);
    }
    for name in OF_NIX {
        checked_by("nix-instantiate", &["--parse"], &format!("packaging/rendered/nix/{name}.nix"));
    }
    for script in ["archive.sh", "deb.sh", "rpm.sh", "rendered/deb/prerm"] {
        checked_by("sh", &["-n"], &format!("packaging/{script}"));
        checked_by("shellcheck", &["--shell=sh"], &format!("packaging/{script}"));
    }
    checked_by("ruby", &["-c"], "packaging/rendered/homebrew/kache.rb");
    checked_by("rpmspec", &["-P"], "packaging/rendered/rpm/kache.spec");
    let formula = read("packaging/rendered/homebrew/kache.rb");
    assert!(formula.starts_with("class Kache < Formula\n") && formula.matches("sha256 \"").count() == 4);
}
