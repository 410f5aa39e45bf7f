//! Tests that need what is not everywhere: a tool, a right, a file system.

/// What tests need, by the names that `KACHE_TEST_MUST` takes.
pub(crate) const NEEDS: &[&str] = &[
    "addr2line",
    "another-disk",
    "another-root",
    "bash",
    "btrfs",
    "busybox",
    "check-jsonschema",
    "chromium",
    "curl",
    "dash",
    "dpkg-deb",
    "fish",
    "gdb",
    "lintian",
    "minisign",
    "mksh",
    "new-layout",
    "nextest",
    "nightly",
    "nix-instantiate",
    "no-root",
    "no-sandbox",
    "posh",
    "powershell",
    "pwsh",
    "python3",
    "root",
    "rpmbuild",
    "rpmlint",
    "rpmspec",
    "ruby",
    "rustup",
    "s3-bucket",
    "script",
    "set-user-id",
    "sh",
    "shellcheck",
    "strace",
    "systemd",
    "systemd-analyze",
    "unshare",
    "unstable-options",
    "wget",
    "xfs",
    "xmllint",
    "yash",
    "zsh",
];

/// Says that a test, or a part of one, is left out, because `need` is not here. Where `KACHE_TEST_MUST` names it, with
/// commas between the names, that is a failure: else nobody would notice that a test is never played.
#[track_caller]
pub(crate) fn skip(need: &str, why: &str) {
    assert!(NEEDS.contains(&need), "{need} has no name in tests/common/skip.rs");
    let must = std::env::var("KACHE_TEST_MUST").unwrap_or_default();
    assert!(
        !must.split(',').any(|name| name == need),
        "this is left out, and KACHE_TEST_MUST names {need}: {why}"
    );
    eprintln!("skipped: {why}");
}
