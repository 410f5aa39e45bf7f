//! The scripts that pack and install, and those that a service runs: that they know the targets, and hold what they promise.

#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

use crate::committed::{checked_by, read, root};
use crate::packages::YAML;
use crate::render::Release;
#[cfg(unix)]
use crate::skip::skip;

fn triples() -> Vec<String> {
    let release = Release::read(root()).expect("targets.toml is read");
    release.targets.target.into_iter().map(|target| target.triple).collect()
}

#[test]
fn a_release_is_built_for_every_target_and_for_no_other() {
    let workflow = read(".github/workflows/release.yml");
    let built = workflow.lines().filter_map(|line| line.split_once("{ target: ")?.1.split(',').next());
    assert_eq!(built.collect::<Vec<_>>(), triples());
}

#[test]
fn workflows_are_short_parse_and_pin_what_they_use() {
    for (name, most_lines) in [("ci", 100), ("release", 140), ("weekly", 60)] {
        let path = format!(".github/workflows/{name}.yml");
        let text = read(&path);
        assert!(text.lines().count() < most_lines, "{path}");
        for used in text.lines().filter_map(|line| line.split_once("uses: ")) {
            // A tag can be moved; the comment says which one it was.
            let (commit, tag) =
                used.1.split_once('@').and_then(|it| it.1.split_once(" # v")).unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_commit && !tag.is_empty(), "{path}: {} is not pinned", used.1);
        }
        let checkouts = text.matches("uses: actions/checkout@").count();
        assert_eq!(text.matches("persist-credentials: false").count(), checkouts, "{path}");
        assert!(!text.contains('\t'), "{path}");
        checked_by("python3", &["-c", YAML], &path);
        checked_by("check-jsonschema", &["--builtin-schema", "vendor.github-workflows"], &path);
    }
}

/// What builds or runs code of the project, or of its dependencies, gets no rights; what has rights runs none of it.
#[test]
fn what_can_publish_or_sign_runs_no_code_of_the_project() {
    let workflow = read(".github/workflows/release.yml");
    let (head, jobs) = workflow.split_once("\njobs:\n").expect("there are jobs");
    assert!(head.contains("permissions:\n  contents: read\n"), "jobs may only read unless they say more");
    let is_name = |line: &str| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
    let mut found: Vec<(&str, String)> = Vec::new();
    for line in jobs.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match found.last_mut() {
            _ if is_name(line) => found.push((line.trim().trim_end_matches(':'), String::new())),
            Some((_, text)) => text.push_str(&format!("{line}\n")),
            None => panic!("{line}: no job yet"),
        }
    }
    let has_rights = |text: &str| {
        ["permissions:", "secrets.", "github.token", "environment:"].iter().any(|it| text.contains(it))
    };
    let runs_code =
        |text: &str| ["cargo", "rustup", "actions/checkout", "packaging/"].iter().any(|it| text.contains(it));
    for (name, text) in &found {
        assert!(!(has_rights(text) && runs_code(text)), "{name} has rights and runs code");
    }
    let with_rights: Vec<&str> =
        found.iter().filter(|(_, text)| has_rights(text)).map(|(name, _)| *name).collect();
    assert_eq!(with_rights, ["sign", "publish"]);
    for (name, text) in found.iter().filter(|(_, text)| has_rights(text)) {
        assert!(text.contains("    environment: release\n"), "{name} does not ask a maintainer");
    }
}

#[test]
fn the_installers_name_only_what_is_released() {
    let (shell, power) = (read("installers/install.sh"), read("installers/install.ps1"));
    for triple in triples() {
        let (arch, system) = triple.split_once('-').expect("a triple has parts");
        let is_named = if system.contains("windows") {
            power.contains(&format!("'{triple}'"))
        } else {
            shell.contains(&format!("target=$arch-{system}\n")) && shell.contains(&format!("arch={arch}"))
        };
        assert!(is_named, "{triple}");
    }
    assert_eq!(shell.matches("target=$arch-").count(), 2, "a system that is not in targets.toml");
}

/// Installers refuse a signature that does not say which release it is of.
#[test]
fn every_signature_of_a_release_names_its_version() {
    let workflow = read(".github/workflows/release.yml");
    let comment = "comment=\"kache release format=1 version=${GITHUB_REF_NAME#v} expires=$(date -u -d '+180 days' +%F)\"";
    assert!(workflow.contains(comment), "{comment}");
    let signing: Vec<&str> = workflow.split("minisign -S ").skip(1).collect();
    assert!(!signing.is_empty() && signing.iter().all(|rest| rest.contains("-t \"$comment")), "{signing:#?}");
}

/// What is piped into a shell must neither close it nor run what it downloaded as text.
#[test]
fn the_script_for_powershell_keeps_what_it_promises() {
    let script = read("installers/install.ps1");
    assert!(script.is_ascii(), "PowerShell 5.1 reads other letters as those of the system's code page");
    assert!(script.ends_with("\n}\n\nInvoke-Main\n"));
    assert!(script.contains(".AllowAutoRedirect = $false"), "it sees where it is sent on to");
    for client in ["WebClient", "Invoke-WebRequest", "Invoke-RestMethod", "HttpClient", "BitsTransfer"] {
        assert!(!script.contains(client), "{client} follows redirections by itself");
    }
    let mut depth = 0_i32;
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        for word in ["exit", "iex", "Invoke-Expression"] {
            assert!(!words.contains(&word), "{line}");
        }
        depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
        assert!(depth >= 0, "{line}");
        let is_top = !line.starts_with([' ', '}', ')']) && !line.is_empty();
        let is_declaration =
            ["function ", "param(", "Invoke-Main"].iter().any(|start| line.starts_with(start));
        assert!(!is_top || is_declaration, "this runs although the end may be missing: {line}");
    }
    assert_eq!(depth, 0);
}

/// `--from-source` is `-FromSource` there.
#[test]
fn what_one_installer_is_asked_for_the_other_can_be_asked_for() {
    let (shell, power) = (read("installers/install.sh"), read("installers/install.ps1"));
    let usage =
        shell.split("<<'END'").nth(1).and_then(|rest| rest.split("\nEND\n").next()).expect("has help");
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let options = usage.split(|c: char| !is_part(c)).filter_map(|word| word.strip_prefix("--"));
    for option in options.filter(|option| *option != "version") {
        let pascal: String =
            option.split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect();
        let is_declared =
            ["switch", "string"].iter().any(|kind| power.contains(&format!("[{kind}] ${pascal}")));
        assert!(is_declared && (pascal == "Help" || power.contains(&format!("-{pascal} "))), "{pascal}");
    }
    for variable in
        shell.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|w| w.starts_with("KACHE_"))
    {
        assert!(power.contains(&format!("$env:{variable}")), "{variable}");
    }
    for place in [
        "SHA256SUMS",
        ".sha256",
        ".sig",
        "minisign",
        "rsign",
        "foreign ",
        "kache release format=1 version=",
        "the signature of ",
        "does not say which release it is of",
        "GITHUB_PATH",
        "kache-completions.nu",
    ] {
        assert!(shell.contains(place) && power.contains(place), "{place}");
    }
}

/// `"$name:"` names a drive for PowerShell, and `[` in the path of a user a pattern where cmdlets are not told otherwise.
#[test]
fn the_script_for_powershell_has_none_of_its_traps() {
    let script = read("installers/install.ps1");
    for line in script.lines() {
        for (_, after) in line.match_indices('$').map(|(at, _)| line.split_at(at + 1)) {
            let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let is_qualified = after[name.len()..].starts_with(':') && !line.contains(&format!("`${name}"));
            assert!(name.is_empty() || !is_qualified || name == "env", "{line}");
        }
        for cmdlet in [
            "Copy-Item",
            "Move-Item",
            "New-Item",
            "Remove-Item",
            "Test-Path",
            "Get-Content",
            "Expand-Archive",
        ] {
            assert!(!line.contains(cmdlet) || line.contains("-LiteralPath"), "{line}");
        }
    }
    let parse = "& { param($file) $errors = $null; \
        $null = [Management.Automation.Language.Parser]::ParseFile($file, [ref] $null, [ref] $errors); \
        if ($errors) { throw ($errors -join ' ') } }";
    for tool in ["powershell", "pwsh"] {
        checked_by(tool, &["-NoProfile", "-Command", parse], "installers/install.ps1");
    }
}

/// The README in the archive links only to files in the archive.
#[cfg(unix)]
fn links_lead_somewhere(archive: &Path, name: &str) {
    let out = tempfile::tempdir().expect("a directory");
    let mut tar = Command::new("tar");
    assert!(tar.arg("-xzf").arg(archive).arg("-C").arg(out.path()).status().expect("tar runs").success());
    let tree = out.path().join(name);
    let readme = std::fs::read_to_string(tree.join("README.md")).expect("a README");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let files: Vec<&str> = links.filter(|link| !link.is_empty() && !link.contains("://")).collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        assert!(tree.join(file).is_file(), "README.md links to {file}, which is not in the archive");
    }
}

#[test]
#[cfg(unix)]
fn an_archive_holds_one_program_and_what_belongs_to_it() {
    let out = tempfile::tempdir().expect("a directory");
    let program = out.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").expect("writes");
    let run = |script: &str, args: &[&std::ffi::OsStr]| {
        let output = Command::new("sh").arg(root().join(script)).args(args).output().expect("sh runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let target = "x86_64-unknown-linux-musl";
    run("packaging/archive.sh", &[target.as_ref(), program.as_os_str(), out.path().as_os_str()]);
    let archive = out.path().join(format!("kache-{target}.tar.gz"));
    let listed = Command::new("tar").arg("-tvzf").arg(&archive).output().expect("tar runs");
    let listed = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let executable: Vec<&str> = listed.lines().filter(|line| line.starts_with("-rwx")).collect();
    assert!(matches!(executable[..], [one] if one.ends_with(&format!("kache-{target}/kache"))), "{listed}");
    for part in ["LICENSE", "README.md", "completions/_kache", "man/man1/kache.1", "systemd/kache.service"] {
        assert!(listed.contains(&format!("kache-{target}/{part}\n")), "{part}");
    }
    links_lead_somewhere(&archive, &format!("kache-{target}"));
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        skip("dpkg-deb", "no package for Debian is made: there is no dpkg-deb");
        return;
    }
    run("packaging/deb.sh", &[target.as_ref(), out.path().as_os_str()]);
    let deb = out.path().join(format!("kache_{}_amd64.deb", env!("CARGO_PKG_VERSION")));
    let listed = Command::new("dpkg-deb").arg("-c").arg(&deb).output().expect("dpkg-deb runs");
    let listed = String::from_utf8(listed.stdout).expect("names are UTF-8");
    for path in ["usr/bin/kache", "usr/share/man/man1/kache.1.gz", "usr/share/doc/kache/copyright"] {
        assert!(listed.contains("root/root") && listed.contains(path), "{path} is not in\n{listed}");
    }
    brings_units(&listed);
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error"]);
    // Before there is an address, nobody maintains it for Debian.
    let targets = read("packaging/targets.toml");
    if !targets.lines().any(|line| line.starts_with("maintainer = ") && line.contains('<')) {
        lintian.args(["--suppress-tags", "malformed-contact"]);
    }
    match lintian.arg(&deb).output() {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(e) => skip("lintian", &format!("the package for Debian is not looked at: {e}")),
    }
}

/// What the function `package` of a PKGBUILD installs from `sources`, by its paths and modes; `None` without a bash.
#[cfg(target_os = "linux")]
fn packed_for_arch(package: &str, sources: &std::path::Path) -> Option<String> {
    let out = tempfile::tempdir().expect("a directory");
    let script = r#"set -eu; CARCH=x86_64 srcdir=$2 pkgdir=$3; . "$1"; package; cd "$3"; find . -type f -printf '%m %p\n' | sort"#;
    let build = root().join(format!("packaging/rendered/aur/{package}/PKGBUILD"));
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash"]).arg(build).arg(sources).arg(out.path());
    let said = match bash.output() {
        Ok(said) => said,
        Err(e) => {
            skip("bash", &format!("nothing is packed for Arch Linux: {e}"));
            return None;
        }
    };
    assert!(said.status.success(), "{package}: {}", String::from_utf8_lossy(&said.stderr));
    let packed = String::from_utf8(said.stdout).expect("names are UTF-8");
    Some(packed.lines().filter(|line| !line.contains("/licenses/")).map(|line| format!("{line}\n")).collect())
}

#[test]
#[cfg(target_os = "linux")]
fn both_packages_for_arch_linux_install_the_same_files() {
    let sources = tempfile::tempdir().expect("a directory");
    let program = sources.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").expect("writes");
    let target = "x86_64-unknown-linux-musl";
    let mut archive = Command::new("sh");
    archive.arg(root().join("packaging/archive.sh")).arg(target).arg(&program).arg(sources.path());
    assert!(archive.status().expect("sh runs").success());
    let archive = sources.path().join(format!("kache-{target}.tar.gz"));
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(sources.path()).status();
    assert!(unpacked.expect("tar runs").success());
    // A clone, in which it was built.
    let clone = sources.path().join("kache");
    std::fs::create_dir_all(clone.join("target/release")).expect("makes it");
    std::fs::copy(&program, clone.join("target/release/kache")).expect("copies");
    for part in ["completions", "man", "packaging"] {
        std::os::unix::fs::symlink(root().join(part), clone.join(part)).expect("links");
    }
    let (Some(built), Some(released)) =
        (packed_for_arch("kache", sources.path()), packed_for_arch("kache-bin", sources.path()))
    else {
        return;
    };
    assert_eq!(built, released);
    for line in [
        "755 ./usr/bin/kache\n",
        "644 ./usr/lib/systemd/user/kache.socket\n",
        "644 ./usr/share/man/man1/kache.1\n",
    ] {
        assert!(built.contains(line), "{line} is not in\n{built}");
    }
}

/// The units of users are in a package, for nobody but who enables them.
#[cfg(unix)]
fn brings_units(listed: &str) {
    for unit in ["kache.service", "kache.socket"] {
        let lines: Vec<&str> = listed.lines().filter(|line| line.contains(unit)).collect();
        let is_alone = matches!(lines[..], [one] if one.ends_with(&format!("usr/lib/systemd/user/{unit}")) && one.starts_with("-rw-r--r--"));
        assert!(is_alone, "{unit} is not once in\n{listed}");
    }
}

#[test]
#[cfg(unix)]
fn an_rpm_is_made_of_the_archive() {
    if Command::new("rpmbuild").arg("--version").output().is_err() {
        skip("rpmbuild", "no RPM is made: there is no rpmbuild");
        return;
    }
    let out = tempfile::tempdir().expect("a directory");
    let program = out.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").expect("writes");
    for target in triples().iter().filter(|triple| triple.contains("linux")) {
        for script in ["archive.sh", "rpm.sh"] {
            let mut command = Command::new("sh");
            command.arg(root().join("packaging").join(script)).arg(target);
            if script == "archive.sh" {
                command.arg(&program);
            }
            let output = command.arg(out.path()).output().expect("sh runs");
            assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let arch = target.split('-').next().expect("a triple has parts");
        let name = format!("kache-{}-1.{arch}.rpm", env!("CARGO_PKG_VERSION"));
        let release = Release::read(root()).expect("targets.toml is read");
        assert!(release.assets().contains(&name), "{name}");
        let listed = Command::new("rpm").arg("-qlvp").arg(out.path().join(&name)).output().expect("rpm runs");
        let listed = String::from_utf8(listed.stdout).expect("names are UTF-8");
        for path in ["/usr/bin/kache", "/usr/share/man/man1/kache.1", "completions/kache"] {
            assert!(listed.contains("root") && listed.contains(path), "{path} is not in\n{listed}");
        }
        brings_units(&listed);
        match Command::new("rpmlint").arg(out.path().join(&name)).output() {
            Ok(said) => {
                let said = String::from_utf8_lossy(&said.stdout).into_owned();
                // The release is signed as a whole, has one list of changes, and here a script in the place of the program.
                let known = ["no-signature", "no-changelogname-tag", "no-binary"];
                let is_new =
                    |line: &&str| line.contains(": E: ") && !known.iter().any(|tag| line.contains(tag));
                let errors: Vec<&str> = said.lines().filter(is_new).collect();
                assert!(errors.is_empty(), "{errors:#?}");
            }
            Err(e) => skip("rpmlint", &format!("the RPM is not looked at: {e}")),
        }
    }
}

/// Every compile starts the program: nothing in it is relocated then.
#[test]
fn the_program_is_linked_for_a_fixed_address() {
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        let program = std::fs::read(env!("CARGO_BIN_EXE_kache")).expect("reads the program");
        let (executable, position_independent) = (2, 3);
        let kind = u16::from_le_bytes([program[16], program[17]]);
        assert_ne!(kind, position_independent);
        assert_eq!(kind, executable);
    }
    let workflow = read(".github/workflows/release.yml");
    for target in ["X86_64", "AARCH64"] {
        let flags =
            format!("CARGO_TARGET_{target}_UNKNOWN_LINUX_MUSL_RUSTFLAGS: -C relocation-model=static\n");
        assert!(workflow.contains(&flags), "{target}");
    }
}
