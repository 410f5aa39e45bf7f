#!/bin/sh
# What the GitHub Action of kache does, as one script for all steps: `kache.sh install`, `configure`, `pull`,
# `finish` and `comment`.
# It talks to the runner through the files that GITHUB_ENV, GITHUB_PATH, GITHUB_OUTPUT and GITHUB_STEP_SUMMARY name.
# Needs a POSIX shell. Inputs are variables INPUT_*, which action.yml sets.
set -eu

# A cache that does not work is no reason for a job to fail.
warn() {
    printf '::warning::%s\n' "$1"
}

fail() {
    printf '::error::%s\n' "$1" >&2
    exit 1
}

# Appends NAME=VALUE to the file of the runner that $1 names. A value with a line feed would set other names, too.
put() {
    case $3 in
    *'
'*) fail "the value of $2 has more than one line" ;;
    esac
    eval "file=\${$1:-}"
    if [ -z "$file" ]; then fail "$1 is not set: this is no step of a GitHub job"; fi
    printf '%s=%s\n' "$2" "$3" >>"$file"
}

# yes or no, by the input $1 with the default $2.
truth() {
    case ${1:-$2} in
    true | yes | 1) echo yes ;;
    false | no | 0) echo no ;;
    *) fail "expected true or false, not '$1'" ;;
    esac
}

# Puts the program on the PATH: an existing one, the release, or a build of these sources.
install_kache() {
    bin=${RUNNER_TEMP:-/tmp}/kache-bin
    version=${INPUT_VERSION:-source}
    case $version in
    path:*)
        program=${version#path:}
        if [ ! -x "$program" ]; then fail "$program is not a program"; fi
        mkdir -p "$bin"
        cp "$program" "$bin/kache"
        ;;
    source)
        sh "$ACTION_ROOT/installers/install.sh" --from-source "$ACTION_ROOT" --yes --no-init --no-modify-path --bin-dir "$bin"
        ;;
    release)
        sh "$ACTION_ROOT/installers/install.sh" --yes --no-init --no-modify-path --bin-dir "$bin"
        ;;
    *) fail "version has to be release, source or path:PROGRAM, not '$version'" ;;
    esac
    "$bin/kache" --version
    if [ -z "${GITHUB_PATH:-}" ]; then fail 'GITHUB_PATH is not set: this is no step of a GitHub job'; fi
    printf '%s\n' "$bin" >>"$GITHUB_PATH"
}

# A digest of the lock files in the working directory, and of those that INPUT_LOCK_FILES names.
lock_digest() {
    find . -name Cargo.lock -not -path '*/target/*' 2>/dev/null | LC_ALL=C sort | while read -r lock; do
        printf '%s\n' "$lock"
        cat "$lock"
    done | cksum | tr ' \t' '--'
}

# Settings for the steps that follow, and the keys of the store in the cache of the service.
configure() {
    store=${INPUT_STORE:-${RUNNER_TEMP:-/tmp}/kache-store}
    # Whoever can write to a store decides what is built from it.
    case ${INPUT_READ_ONLY:-auto} in
    auto) if [ "${IS_FORK:-false}" = true ]; then read_only=yes; else read_only=no; fi ;;
    *) read_only=$(truth "$INPUT_READ_ONLY" false) ;;
    esac
    put GITHUB_ENV RUSTC_WRAPPER kache
    put GITHUB_ENV KACHE_CACHE_DIR "$store"
    put GITHUB_ENV KACHE_MAX_SIZE "${INPUT_MAX_SIZE:-2GiB}"
    # Cargo's own incremental files are of no use to a job that begins without them.
    put GITHUB_ENV CARGO_INCREMENTAL 0
    if [ -n "${INPUT_S3_BUCKET:-}" ]; then
        configure_bucket
    elif [ "$read_only" = yes ]; then
        put GITHUB_ENV KACHE_READONLY 1
    fi
    rustc=$(rustc -vV 2>/dev/null | cksum | cut -d' ' -f1)
    prefix="kache-${INPUT_KEY:-build}-${RUNNER_OS:-unknown}-${RUNNER_ARCH:-unknown}-$rustc"
    lock=$(lock_digest)
    put GITHUB_OUTPUT store "$store"
    put GITHUB_OUTPUT key "$prefix-$lock-${GITHUB_RUN_ID:-0}-${GITHUB_RUN_ATTEMPT:-0}"
    put GITHUB_OUTPUT fallback-lock "$prefix-$lock-"
    put GITHUB_OUTPUT fallback "$prefix-"
    if [ "$read_only" = yes ] || [ -n "${INPUT_S3_BUCKET:-}" ]; then
        put GITHUB_OUTPUT save false
    else
        put GITHUB_OUTPUT save true
    fi
}

# Settings of the bucket. The store itself is new in each job, and may be written by any.
configure_bucket() {
    put GITHUB_ENV KACHE_S3_BUCKET "$INPUT_S3_BUCKET"
    if [ -n "${INPUT_S3_REGION:-}" ]; then put GITHUB_ENV KACHE_S3_REGION "$INPUT_S3_REGION"; fi
    if [ -n "${INPUT_S3_ENDPOINT:-}" ]; then put GITHUB_ENV KACHE_S3_ENDPOINT "$INPUT_S3_ENDPOINT"; fi
    if [ -n "${INPUT_S3_PREFIX:-}" ]; then put GITHUB_ENV KACHE_S3_PREFIX "$INPUT_S3_PREFIX"; fi
    if [ -n "${INPUT_PUBLIC_KEYS:-}" ]; then put GITHUB_ENV KACHE_REMOTE_PUBLIC_KEYS "$INPUT_PUBLIC_KEYS"; fi
    if [ "$read_only" = yes ]; then put GITHUB_ENV KACHE_REMOTE_READONLY 1; fi
}

# Gets from the bucket what the lock file and the toolchain can use.
pull() {
    kache sync --pull || warn 'kache: the bucket could not be read completely; what is missing is compiled'
}

# Reports what the cache was worth, and trims the store before it is saved.
finish() {
    report=${RUNNER_TEMP:-/tmp}/kache-report.md
    kache report --since "${INPUT_SINCE:-6h}" --format github --output "$report"
    if [ "$(truth "${INPUT_SUMMARY:-}" true)" = yes ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
        cat "$report" >>"$GITHUB_STEP_SUMMARY"
    fi
    put GITHUB_OUTPUT report "$report"
    if [ "${KACHE_READONLY:-0}" = 1 ]; then return; fi
    # What does so in the background may not have come to its end. Without a build, there is nothing to keep.
    kache harvest >"${RUNNER_TEMP:-/tmp}/kache-harvest" 2>&1 || :
    if [ -n "${KACHE_S3_BUCKET:-}" ]; then
        if [ "${KACHE_REMOTE_READONLY:-0}" = 1 ]; then return; fi
        kache sync --push || warn 'kache: not everything was sent to the bucket; the next job compiles the rest'
    else
        # What this job did not use is what the next one does not need either.
        kache gc --max-age "${INPUT_MAX_AGE:-7d}" --grace 0s
    fi
}

# Puts the report into a comment of the pull request PULL_REQUEST: into that of an earlier run, if there is one.
comment() {
    if [ -z "${PULL_REQUEST:-}" ]; then
        echo 'no pull request to comment on'
        return
    fi
    report=${RUNNER_TEMP:-/tmp}/kache-report.md
    comments=repos/$GITHUB_REPOSITORY/issues
    filter='.[] | select(.body | startswith("<!-- kache report -->")) | .id'
    id=$(gh api --paginate "$comments/$PULL_REQUEST/comments" --jq "$filter" | head -n 1)
    if [ -n "$id" ]; then
        gh api --method PATCH "$comments/comments/$id" --field "body=@$report" --silent
    else
        gh api --method POST "$comments/$PULL_REQUEST/comments" --field "body=@$report" --silent
    fi
}

case ${1:-} in
install) install_kache ;;
configure) configure ;;
pull) pull ;;
finish) finish ;;
comment) comment ;;
*) fail 'usage: kache.sh install|configure|pull|finish|comment' ;;
esac
