# The tasks of this project, for people and machines alike.

# A wrapper under work must not compile itself.
export RUSTC_WRAPPER := ""

[private]
default:
    @just --list --unsorted

# Format, lint, and prove that the hot path is light
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo clippy --lib --no-default-features -- -D warnings

# Every test but the heavy ones; a word or two selects among them
test *FILTER:
    cargo test {{ FILTER }}

# What is too heavy for every change: the tests marked `#[ignore = "stress: …"]`, and properties with more cases
stress:
    PROPTEST_CASES=20000 cargo test --release --lib
    cargo test --release --test it -- --ignored --test-threads 1
    cargo test --release --test defences
    cargo test --test defences -- --ignored --nocapture

# Ratios against plain cargo and the floor, each with its budget; `just bench --quick` for a first look
bench *ARGS:
    cargo run --release --example bench -- {{ ARGS }}

# What a cache saves on a project, without installing anything
try *ARGS:
    cargo run --release -- try {{ ARGS }}

# The book, from `docs/` into `target/book`; needs mdbook
docs:
    @mdbook --version >/dev/null 2>&1 || { echo 'error: mdbook is not installed: cargo install mdbook' >&2; exit 1; }
    mdbook build docs

# An animation for the README, from a real run, into `assets/demo/`
demo:
    cargo build --release
    cargo run --release --example demo

# Write what is generated: JSON schemas, tables of the README and the book, completions, manual pages, packages
gen:
    REGENERATE=1 cargo test --lib json_schemas
    REGENERATE=1 cargo test --test tidy --test packaging what_is_generated

# All that a change has to pass
ci:
    .ci/run
