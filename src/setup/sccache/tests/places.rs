//! One test for each kind of place, with what stands there before and after.

use super::Home;
use crate::setup::plan::show;

/// The file of a repository with the patch applied; and a second look finds nothing to do there.
#[track_caller]
fn patched(file: &str, before: &str) -> String {
    let home = Home::new();
    let file = format!("home/project/{file}");
    home.write(&file, before);
    let migration = home.look();
    assert!(migration.actions.is_empty(), "{file} is not the user's alone");
    assert_eq!(migration.in_project.len(), 1, "{file}: {:?}", migration.by_hand);
    assert_eq!(home.read(&file), before, "looking changes nothing");
    home.carry_out(migration.in_project);
    let again = home.look();
    assert!(again.in_project.is_empty(), "{}", show::text(&again.in_project));
    home.read(&file)
}

/// What is said of a file of a repository that is left alone.
#[track_caller]
fn said(file: &str, text: &str) -> String {
    let home = Home::new();
    home.write(&format!("home/project/{file}"), text);
    let migration = home.look();
    assert!(migration.actions.is_empty() && migration.in_project.is_empty(), "{file}");
    let dir = home.path("home").join("project").join("");
    migration.by_hand.join("\n").replace(&dir.display().to_string(), "")
}

#[test]
fn direnv_and_dotenv() {
    let before = "use flake\nexport RUSTC_WRAPPER=sccache\n";
    assert_eq!(patched(".envrc", before), "use flake\n: # kache: was export RUSTC_WRAPPER=sccache\n");
    assert_eq!(patched(".env", "A=1\nSCCACHE_DIR=/x\n"), "A=1\n# kache: was SCCACHE_DIR=/x\n");
}

#[test]
fn mise_and_tool_versions() {
    let before = "[tools]\nsccache = \"0.8\"\n\n[env]\nRUSTC_WRAPPER = \"sccache\"\nA = \"1\" # c\n";
    for file in ["mise.toml", ".mise.toml", "mise.local.toml", ".config/mise.toml"] {
        let after = before.replace("\nRUSTC_WRAPPER", "\n# kache: was RUSTC_WRAPPER");
        assert_eq!(patched(file, before), after, "{file}");
    }
    assert_eq!(
        said("mise.toml", "[tools]\n\"cargo:sccache\" = \"0.8\"\n"),
        "mise.toml:2: \"cargo:sccache\" = \"0.8\"; change it by hand"
    );
    assert_eq!(
        said(".tool-versions", "rust 1.95\nsccache 0.8.1\n"),
        ".tool-versions:2: sccache 0.8.1; change it by hand"
    );
    assert_eq!(
        said("mise.toml", "env = { RUSTC_WRAPPER = \"sccache\" }\n"),
        "mise.toml:1: env = { RUSTC_WRAPPER = \"sccache\" }; change it by hand"
    );
}

#[test]
fn the_configuration_of_mise_that_is_the_users_is_changed() {
    let home = Home::new();
    home.write("home/.config/mise/config.toml", "[env]\nSCCACHE_CACHE_SIZE = \"5G\"\n");
    home.apply();
    assert_eq!(
        home.read("home/.config/mise/config.toml"),
        "[env]\n# kache: was SCCACHE_CACHE_SIZE = \"5G\"\n"
    );
    assert_eq!(home.read("home/.config/kache/config.toml"), "[cache]\nlocal_max_size = \"5GiB\"\n");
}

#[test]
fn the_table_env_of_cargo_and_files_that_it_includes() {
    let before = "[env]\nSCCACHE_BUCKET = { value = \"b\", force = true }\nOTHER = \"1\"\n[build]\njobs = 2\n\
                  rustc-wrapper = \"/opt/sccache\" # fast\n";
    let after = "[env]\n# kache: was SCCACHE_BUCKET = { value = \"b\", force = true }\nOTHER = \"1\"\n[build]\njobs = 2\n\
                 # kache: was rustc-wrapper = \"/opt/sccache\" # fast\n";
    assert_eq!(patched(".cargo/config.toml", before), after);
    let home = Home::new();
    home.write("home/.cargo/config.toml", "include = [\"more.toml\"]\n[env]\nSCCACHE_REGION = \"r\"\n");
    home.write("home/.cargo/more.toml", "env.SCCACHE_ENDPOINT = \"e\"\n");
    home.apply();
    assert!(home.read("home/.cargo/config.toml").ends_with("[env]\n# kache: was SCCACHE_REGION = \"r\"\n"));
    assert_eq!(home.read("home/.cargo/more.toml"), "# kache: was env.SCCACHE_ENDPOINT = \"e\"\n");
    assert!(home.look().found.is_empty());
    home.write("home/.cargo/more.toml", "env = { SCCACHE_ENDPOINT = \"e\" }\n");
    assert!(home.look().by_hand[0].contains("more.toml:1: env; change it by hand"));
}

#[test]
fn what_is_said_of_a_setting_in_cargos_table_env_is_said_once() {
    let home = Home::new();
    home.write("home/.cargo/config.toml", "[env]\nSCCACHE_BUCKET = \"b\"\n");
    let migration = home.look();
    assert_eq!(
        migration.by_hand,
        [
            "SCCACHE_BUCKET was not carried over: set `cache.remote` for `kache sync`; what is there stays there"
        ]
    );
}

#[test]
fn nix_shells() {
    let before = "{\n  RUSTC_WRAPPER = \"${pkgs.sccache}/bin/sccache\";\n  SCCACHE_DIR = \"/x\";\n}\n";
    let after = "{\n  # kache: was RUSTC_WRAPPER = \"${pkgs.sccache}/bin/sccache\";\n  # kache: was SCCACHE_DIR = \"/x\";\n}\n";
    for file in ["flake.nix", "shell.nix", "default.nix", "devenv.nix"] {
        assert_eq!(patched(file, before), after, "{file}");
    }
    assert_eq!(
        said("shell.nix", "  buildInputs = [ pkgs.sccache ];\n"),
        "shell.nix:1: buildInputs = [ pkgs.sccache ];; change it by hand"
    );
}

#[test]
fn editors_and_development_containers() {
    let before = "{\n  // c\n  \"rust-analyzer.cargo.extraEnv\": {\n    \"RUSTC_WRAPPER\": \"sccache\",\n    \"A\": \"1\"\n  }\n}\n";
    let after = before.replace("\"RUSTC_WRAPPER\"", "// kache: was \"RUSTC_WRAPPER\"");
    for file in [".vscode/settings.json", ".devcontainer/devcontainer.json", ".devcontainer.json"] {
        assert_eq!(patched(file, before), after, "{file}");
    }
    let alone = "{\n  \"containerEnv\": {\n    \"RUSTC_WRAPPER\": \"sccache\"\n  }\n}\n";
    assert_eq!(
        patched(".devcontainer.json", alone),
        alone.replace("\"RUSTC_WRAPPER\"", "// kache: was \"RUSTC_WRAPPER\"")
    );
    let last = "{\n  \"A\": \"1\",\n  \"RUSTC_WRAPPER\": \"sccache\"\n}\n";
    assert!(said(".vscode/settings.json", last).contains("settings.json:3: "), "a comma would be left over");
}

#[test]
fn the_settings_of_an_editor_that_are_the_users_are_changed() {
    let text = "{\n  \"rust-analyzer.cargo.extraEnv\": {\n    \"RUSTC_WRAPPER\": \"sccache\"\n  }\n}\n";
    let mut home = Home::new();
    home.set("APPDATA", home.path("home/AppData/Roaming").to_str().unwrap());
    let files = [
        "home/.config/Code/User/settings.json",
        "home/Library/Application Support/Code/User/settings.json",
        "home/AppData/Roaming/Code/User/settings.json",
    ];
    files.iter().for_each(|file| home.write(file, text));
    home.apply();
    for file in files {
        assert_eq!(home.read(file), text.replace("\"RUSTC", "// kache: was \"RUSTC"), "{file}");
    }
}

#[test]
fn makefiles_and_justfiles() {
    let before = "export RUSTC_WRAPPER := sccache\nSCCACHE_DIR ?= /x\nX := a \\\n  RUSTC_WRAPPER=sccache\nall:\n\tcargo build\n";
    let after = "# kache: was export RUSTC_WRAPPER := sccache\n# kache: was SCCACHE_DIR ?= /x\nX := a \\\n  RUSTC_WRAPPER=sccache\nall:\n\tcargo build\n";
    for file in ["Makefile", "GNUmakefile"] {
        assert_eq!(patched(file, before), after, "{file}");
    }
    let before = "export RUSTC_WRAPPER := \"sccache\"\nbuild:\n  cargo build\n";
    assert_eq!(patched("Justfile", before), format!("# kache: was {before}"));
    assert_eq!(
        said("Makefile", "all:\n\tRUSTC_WRAPPER=sccache cargo build\n"),
        "Makefile:2: RUSTC_WRAPPER=sccache cargo build; change it by hand"
    );
    assert_eq!(
        said("Justfile", "stats:\n  sccache --show-stats\n"),
        "Justfile:2: sccache --show-stats; change it by hand"
    );
}

#[test]
fn cmake_and_cross() {
    let presets = "{ \"CMAKE_C_COMPILER_LAUNCHER\": \"sccache\" }\n";
    assert!(said("CMakePresets.json", presets).starts_with("CMakePresets.json:1: "));
    assert!(
        said("CMakeLists.txt", "set(CMAKE_CXX_COMPILER_LAUNCHER sccache)\n")
            .starts_with("CMakeLists.txt:1: ")
    );
    let cross = "[build.env]\npassthrough = [\"SCCACHE_DIR\", \"RUSTC_WRAPPER\"]\n";
    assert_eq!(said("Cross.toml", cross), "Cross.toml:2: passthrough; change it by hand");
}

#[test]
fn dockerfiles() {
    let before = "FROM rust\nENV RUSTC_WRAPPER=sccache\nenv SCCACHE_DIR /x\nENV A=1 RUSTC_WRAPPER=sccache\nRUN cargo install sccache\n";
    let after = "FROM rust\n# kache: was ENV RUSTC_WRAPPER=sccache\n# kache: was env SCCACHE_DIR /x\nENV A=1 RUSTC_WRAPPER=sccache\nRUN cargo install sccache\n";
    for file in ["Dockerfile", "Dockerfile.ci", "Containerfile", "ci.Dockerfile", ".devcontainer/Dockerfile"]
    {
        assert_eq!(patched(file, before), after, "{file}");
    }
    assert!(said("Dockerfile", "ENV A=1 \\\n  RUSTC_WRAPPER=sccache\n").starts_with("Dockerfile:2: "));
}

#[test]
fn what_stands_beside_other_variables_in_yaml() {
    let before = "on: push\nenv:\n  CARGO_TERM_COLOR: always\n  RUSTC_WRAPPER: \"sccache\"\n\n  SCCACHE_GHA_ENABLED: 'true'\njobs: {}\n";
    let after = before
        .replace("  RUSTC_WRAPPER", "  # kache: was RUSTC_WRAPPER")
        .replace("  SCCACHE_GHA", "  # kache: was SCCACHE_GHA");
    for file in
        [".github/workflows/ci.yml", ".github/workflows/ci.yaml", ".gitlab-ci.yml", ".circleci/config.yml"]
    {
        assert_eq!(patched(file, before), after, "{file}");
    }
    let compose = "a:\n  environment:\n    - A=1\n    - RUSTC_WRAPPER=sccache\n  image: x\n";
    let after = compose.replace("- RUSTC", "# kache: was - RUSTC");
    for file in ["docker-compose.yml", "compose.yaml", ".buildkite/pipeline.yml"] {
        assert_eq!(patched(file, compose), after, "{file}");
    }
}

#[test]
fn a_mapping_of_yaml_goes_with_all_that_it_holds_or_stays() {
    let before =
        "variables:\n  RUSTC_WRAPPER: sccache\n  # c\n  SCCACHE_DIR: /x\nbuild:\n  script: cargo build\n";
    let after = "# kache: was variables:\n  # kache: was RUSTC_WRAPPER: sccache\n  # c\n  # kache: was SCCACHE_DIR: /x\nbuild:\n  script: cargo build\n";
    for file in [".gitlab-ci.yml", "azure-pipelines.yml", ".travis.yml", ".cirrus.yml"] {
        assert_eq!(patched(file, before), after, "{file}");
    }
    let inputs = "with:\n  SCCACHE_TOKEN: s3cr3t\nother: 1\n";
    let said = said(".github/workflows/ci.yml", inputs);
    assert!(
        said.contains("ci.yml:2: SCCACHE_TOKEN; change it by hand") && !said.contains("s3cr3t"),
        "{said}"
    );
}

#[test]
fn what_a_repository_sets_is_not_carried_over_for_all_builds() {
    let home = Home::new();
    let workflow = "env:\n  SCCACHE_CACHE_SIZE: 2G\n  SCCACHE_BUCKET: b\n  A: 1\n";
    home.write("home/project/.github/workflows/ci.yml", workflow);
    home.write("home/project/.github/workflows/more.yml", workflow);
    home.write("home/project/.cargo/config.toml", "[env]\nSCCACHE_IDLE_TIMEOUT = \"0\"\n");
    let migration = home.look();
    assert!(migration.actions.is_empty(), "{}", show::text(&migration.actions));
    assert_eq!(migration.in_project.len(), 3);
    let said = migration.by_hand.join("\n");
    for (name, why) in [
        (
            "SCCACHE_CACHE_SIZE",
            "it is for this repository alone, and `cache.local_max_size` would be for all",
        ),
        ("SCCACHE_IDLE_TIMEOUT", "it is for this repository alone, and `cache.daemon_idle_timeout` would be"),
        ("SCCACHE_BUCKET", "set `cache.remote` for `kache sync`"),
    ] {
        let expected = format!("{name} was not carried over: {why}");
        assert_eq!(said.matches(&expected).count(), 1, "{expected}: {said}");
    }
}

#[test]
fn the_action_that_installs_sccache_is_named() {
    let workflow = "steps:\n  - uses: mozilla-actions/sccache-action@v0.0.9\n  - run: sccache --show-stats\n";
    let said = said(".github/workflows/ci.yml", workflow);
    assert!(said.contains("ci.yml:2: - uses: mozilla-actions/sccache-action@v0.0.9; change"), "{said}");
    assert!(said.contains("ci.yml:3: - run: sccache --show-stats; change"), "{said}");
}

#[test]
fn variables_that_launchd_keeps_are_asked_for_and_unset() {
    let mut home = Home::new();
    home.answers = vec![
        ("launchctl getenv RUSTC_WRAPPER", "/opt/homebrew/bin/sccache\n"),
        ("launchctl getenv CARGO_BUILD_RUSTC_WRAPPER", "\n"),
        ("launchctl getenv SCCACHE_CACHE_SIZE", "7G\n"),
    ];
    assert!(home.look().is_empty(), "no other system has launchd");
    home.os = "macos";
    let migration = home.look();
    assert_eq!(migration.found, ["the variable RUSTC_WRAPPER that launchd keeps"]);
    let shown = show::text(&migration.actions);
    assert!(shown.contains("$ launchctl unsetenv RUSTC_WRAPPER"), "{shown}");
    assert!(shown.contains("+local_max_size = \"7GiB\""), "{shown}");
    assert!(migration.by_hand[0].ends_with("removed with: launchctl unsetenv SCCACHE_CACHE_SIZE"));
}

#[test]
fn variables_in_the_registry_are_asked_for_and_unset() {
    let mut home = Home::new();
    home.answers = vec![
        (
            "reg query HKCU\\Environment",
            "\r\nHKEY_CURRENT_USER\\Environment\r\n    Path    REG_EXPAND_SZ    %USERPROFILE%\\bin;C:\\Program Files\r\n    \
             RUSTC_WRAPPER    REG_SZ    C:\\tools\\sccache.exe\r\n    SCCACHE_REDIS_PASSWORD    REG_SZ    s3cr3t\r\n\r\n",
        ),
        (
            "reg query HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment",
            "    RUSTC_WRAPPER    REG_SZ    sccache\r\n",
        ),
    ];
    assert!(home.look().is_empty(), "no other system has a registry");
    home.os = "windows";
    let migration = home.look();
    assert_eq!(migration.found.len(), 2, "{:?}", migration.found);
    let shown = show::text(&migration.actions);
    assert_eq!(shown.matches("$ ").count(), 1, "{shown}");
    assert!(shown.contains("$ reg delete HKCU\\Environment /v RUSTC_WRAPPER /f"), "{shown}");
    let undo = format!("{:?}", migration.actions[0]);
    assert!(undo.contains(r#""/t", "REG_SZ", "/d", "C:\\tools\\sccache.exe""#), "{undo}");
    let by_hand = migration.by_hand.join("\n");
    assert!(by_hand.contains("by an administrator: reg delete 'HKLM"), "{by_hand}");
    assert!(by_hand.contains("SCCACHE_REDIS_PASSWORD was not carried over"), "{by_hand}");
    assert!(!by_hand.contains("s3cr3t") && !shown.contains("s3cr3t"));
}

#[test]
fn what_sccache_keeps_where_windows_keeps_things_is_found() {
    let mut home = Home::new();
    home.os = "windows";
    home.set("APPDATA", home.path("home/AppData/Roaming").to_str().unwrap());
    home.write("home/AppData/Roaming/Mozilla/sccache/config/config", "[cache.disk]\nsize = \"3G\"\n");
    home.write("home/AppData/Local/Mozilla/sccache/cache/a/b/abc", "12345");
    assert_eq!(home.look().caches, [home.path("home/AppData/Local/Mozilla/sccache/cache")]);
    home.apply();
    assert_eq!(home.read("home/.config/kache/config.toml"), "[cache]\nlocal_max_size = \"3GiB\"\n");
    assert!(home.look().actions.is_empty(), "a second time");
}

#[test]
fn servers_are_asked_for_where_processes_are_no_files() {
    for (os, question, answer, command) in [
        ("macos", "pgrep -x -U", "4711\n", "kill"),
        (
            "windows",
            "tasklist",
            "\"sccache.exe\",\"4711\",\"Console\",\"1\",\"9,999 K\"\r\n",
            "taskkill /F /PID",
        ),
    ] {
        let mut home = Home::new();
        (home.os, home.answers) = (os, vec![(question, answer)]);
        assert_eq!(home.look().by_hand, [format!("stop the sccache server: {command} 4711")], "{os}");
        home.answers = vec![(question, "INFO: No tasks are running which match the specified criteria.\r\n")];
        assert!(home.look().is_empty(), "{os}");
    }
}

#[test]
fn other_files_of_the_system_are_named() {
    let shells = "RUSTC_WRAPPER=sccache";
    for (file, line) in [
        ("etc/environment.d/rust.conf", shells),
        ("etc/profile", shells),
        ("etc/bash.bashrc", shells),
        ("etc/bashrc", shells),
        ("etc/zshenv", shells),
        ("etc/zsh/zshenv", shells),
        ("etc/zsh/zprofile", shells),
        ("etc/security/pam_env.conf", "RUSTC_WRAPPER DEFAULT=sccache"),
        ("etc/fish/config.fish", "set -gx RUSTC_WRAPPER sccache"),
        ("etc/fish/conf.d/rust.fish", "set -gx RUSTC_WRAPPER sccache"),
    ] {
        let home = Home::new();
        home.write(&format!("root/{file}"), &format!("{line}\n"));
        let migration = home.look();
        assert_eq!((migration.found.len(), migration.actions.len()), (1, 0), "{file}");
        assert!(migration.by_hand[0].contains("this user cannot change "), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_from_one_start_up_file_to_another_is_changed_once() {
    let home = Home::new();
    home.write("home/.bashrc", "export RUSTC_WRAPPER=sccache\n");
    std::os::unix::fs::symlink(".bashrc", home.path("home/.profile")).unwrap();
    home.apply();
    assert_eq!(home.read("home/.bashrc"), ": # kache: was export RUSTC_WRAPPER=sccache\n");
}

#[test]
fn where_c_is_compiled_with_sccache_its_settings_and_its_server_stay() {
    let home = Home::new();
    home.write(
        "home/.bashrc",
        "export CC=\"sccache cc\"\nexport SCCACHE_CACHE_SIZE=5G\nexport RUSTC_WRAPPER=sccache\n",
    );
    home.write("root/proc/77/comm", "sccache\n");
    home.write("root/proc/77/environ", "SCCACHE_IDLE_TIMEOUT=0\0");
    home.apply();
    assert_eq!(
        home.read("home/.bashrc"),
        "export CC=\"sccache cc\"\nexport SCCACHE_CACHE_SIZE=5G\n: # kache: was export RUSTC_WRAPPER=sccache\n"
    );
    let config = home.read("home/.config/kache/config.toml");
    assert_eq!(config, "[cache]\nlocal_max_size = \"5GiB\"\ndaemon_idle_timeout = \"36500d\"\n");
    let again = home.look();
    assert!(again.actions.is_empty() && again.found.is_empty(), "{:?}", again.found);
}

#[test]
fn every_other_file_of_a_user_is_changed() {
    for (file, line) in [
        (".login", "setenv RUSTC_WRAPPER sccache"),
        (".mise.toml", "env.RUSTC_WRAPPER = \"sccache\""),
        (".config/powershell/Microsoft.PowerShell_profile.ps1", "$env:RUSTC_WRAPPER = 'sccache'"),
        ("Documents/PowerShell/Microsoft.PowerShell_profile.ps1", "$env:RUSTC_WRAPPER = 'sccache'"),
        ("Documents/WindowsPowerShell/profile.ps1", "$env:RUSTC_WRAPPER = 'C:\\bin\\sccache.exe'"),
        ("Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1", "$env:SCCACHE_LOG = 'debug'"),
        ("OneDrive/Documents/PowerShell/profile.ps1", "$env:RUSTC_WRAPPER = 'sccache'"),
        (
            "OneDrive/Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1",
            "$env:RUSTC_WRAPPER = 'sccache'",
        ),
        ("Library/Application Support/nushell/env.nu", "$env.RUSTC_WRAPPER = \"sccache\""),
        ("Library/Application Support/nushell/config.nu", "$env.RUSTC_WRAPPER = \"sccache\""),
        ("AppData/Roaming/nushell/env.nu", "$env.RUSTC_WRAPPER = \"sccache\""),
        ("AppData/Roaming/nushell/config.nu", "$env.SCCACHE_LOG = \"debug\""),
        ("zsh/.zshenv", "export RUSTC_WRAPPER=sccache"),
        ("zsh/.zlogin", "export RUSTC_WRAPPER=sccache"),
    ] {
        let mut home = Home::new();
        home.set("APPDATA", home.path("home/AppData/Roaming").to_str().unwrap());
        home.set("ZDOTDIR", home.path("home/zsh").to_str().unwrap());
        home.set("OneDrive", home.path("home/OneDrive").to_str().unwrap());
        let file = format!("home/{file}");
        home.write(&file, &format!("{line}\n"));
        assert_eq!(home.look().found.len(), 1, "{file}");
        home.apply();
        assert!(home.read(&file).contains(&format!("# kache: was {line}\n")), "{file}: {}", home.read(&file));
        assert!(home.look().actions.is_empty(), "{file}: a second time");
    }
}

#[test]
fn every_variable_of_cargos_in_this_shell_is_named() {
    for name in [
        "RUSTC_WRAPPER",
        "CARGO_BUILD_RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    ] {
        let mut home = Home::new();
        home.set(name, "/usr/bin/sccache");
        let migration = home.look();
        assert_eq!(migration.found, [format!("the variable {name} of this shell")]);
        assert_eq!(
            migration.by_hand,
            [format!("`{}`, or start a new shell", crate::sys::env::unset_command(name))]
        );
    }
}
