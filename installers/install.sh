#!/bin/sh
# Installs kache for the user who calls it; `--help` shows how. Needs a POSIX shell; no root, no sudo.
# What is written anywhere is noted in a manifest first, and `--uninstall` takes back exactly that.
#
# The file is one command, from here to its last line: of a file that was cut short, nothing is run.
# shellcheck disable=SC2015,SC2317
{

# begin: release (written when a release is made; a clone builds from its sources)
release_version=''
release_url=''
release_key=''
release_sums=''
# end: release

usage() {
    cat <<'END'
Installs kache for the user who calls it.

  sh installers/install.sh --from-source [DIR]   build the clone that this script is in, or DIR, with cargo
  sh install.sh --archive FILE                   install from a release archive on this machine
  sh install.sh [--base-url URL]                 download the release; also KACHE_INSTALL_BASE_URL, also file://
  sh install.sh --uninstall [--purge]            take everything back; with --purge the store goes as well

  -y, --yes             ask nothing; also where there is no terminal, and in CI
  --dry-run or --check  print what would be written and run, and change nothing
  --bin-dir DIR         where the program goes (default: ~/.local/bin); also KACHE_INSTALL_DIR
  --no-modify-path      leave the files alone that shells read when they start
  --no-init             do not run `kache init`, which has cargo call kache
  --require-signature   fail where the signature cannot be checked (minisign or rsign)
  --public-key KEY      the minisign key to check with; also KACHE_INSTALL_PUBLIC_KEY
  --allow-root          install for root, or as root into the home directory of another user
  --force               take the place of a kache that something else installed; --uninstall puts it back
  -h, --help            this text
END
}

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Fails where one of these programs is missing: what follows would fail without saying why.
need() {
    missing=''
    for tool; do have "$tool" || missing="$missing $tool"; done
    if [ -n "$missing" ]; then fail "this script needs programs that are not on PATH:$missing" 'install them, then run it again'; fi
}

# Runs a command that changes something; a dry run prints it.
run() {
    if [ "$dry_run" = 1 ]; then say "would run: $*"; else "$@"; fi
}

main() {
    if [ -n "${ZSH_VERSION:-}" ]; then emulate sh; fi
    set -u
    umask 022
    mode=download action=install archive='' source_dir='' dry_run=0 yes=0 purge=0
    modify_path=1 init=1 require_signature=0 force=0 allow_root=0
    base_url=${KACHE_INSTALL_BASE_URL:-$release_url}
    public_key=${KACHE_INSTALL_PUBLIC_KEY:-$release_key}
    bin_dir=${KACHE_INSTALL_DIR:-}
    login_shell=${SHELL:-} login_shell=${login_shell##*/}
    stage='' new='' old='' partial='' changed=0 swapped=0 is_newly_foreign=0 n_replaced=0 signed_version='' on_path=1 reached=''
    read_arguments ${1+"$@"}
    if [ -n "${CI:-}" ] || [ ! -t 1 ]; then yes=1; fi
    need basename cat chmod cp dirname grep head mkdir mv rm rmdir sed tail wc
    find_places
    check_root
    trap 'clean_up' EXIT
    heed_signals
    if [ "$action" = uninstall ]; then uninstall; else install; fi
}

heed_signals() {
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

value_of() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value" "sh $0 --help"; fi
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
            --from-source)
                mode=source
                case ${2:-} in '' | -*) ;; *) source_dir=$2; shift ;; esac
                ;;
            --archive) value_of "$@"; mode=archive archive=$2; shift ;;
            --base-url) value_of "$@"; base_url=$2; shift ;;
            --bin-dir) value_of "$@"; bin_dir=$2; shift ;;
            --public-key) value_of "$@"; public_key=$2; shift ;;
            --require-signature) require_signature=1 ;;
            --uninstall) action=uninstall ;;
            --purge) purge=1 ;;
            --dry-run | --check) dry_run=1 ;;
            --no-modify-path) modify_path=0 ;;
            --no-init) init=0 ;;
            --force) force=1 ;;
            --allow-root) allow_root=1 ;;
            -y | --yes) yes=1 ;;
            -h | --help) usage; exit 0 ;;
            *)
                printf 'error: %s is not understood\nhint: sh %s --help\n' "$1" "$0" >&2
                exit 2
                ;;
        esac
        shift
    done
    base_url=${base_url%/}
}

# Where things go. Each path is absolute and of one line: the manifest has one path in each line.
find_places() {
    if [ -z "${HOME:-}" ]; then fail 'HOME is not set' 'set it to the home directory of the user who shall have kache'; fi
    home=$(tidy "$HOME")
    data=$(tidy "${XDG_DATA_HOME:-$home/.local/share}")
    config=$(tidy "${XDG_CONFIG_HOME:-$home/.config}")
    own=$data/kache
    manifest=$own/installed
    receipt=$own/receipt.json
    # Run again, it upgrades the program where that is.
    program=$(programs | sed -n '$p')
    if [ "$action" = install ] && [ -n "$bin_dir" ]; then
        program=$(tidy "$bin_dir")/kache
    elif [ -z "$program" ]; then
        program=$home/.local/bin/kache
    fi
    bin_dir=${program%/kache}
    for place in "$home" "$data" "$config" "$bin_dir"; do
        case $place in
            *'
'*) fail "this path has a line break in it: $place" ;;
            /*) ;;
            *) fail "this path is not absolute: $place" ;;
        esac
    done
    use_known_name
}

# A path without slashes that say nothing, so that one place has one name in the manifest.
tidy() { printf '%s\n' "$1" | sed -e 's@/\(\./\)\{1,\}@/@g' -e 's@///*@/@g' -e 's@/\.$@@' -e 's@\(.\)/$@\1@'; }

# The programs that were installed, that of the last run last.
programs() { if [ -f "$manifest" ]; then sed -n 's/^program //p' "$manifest"; fi; }

# The directory by its own name, without links.
physical() { (CDPATH='' cd -P -- "$1" 2>/dev/null && pwd -P); }

# A directory that is reached by another name now keeps the name that the manifest has for it.
use_known_name() {
    place=$(physical "$bin_dir") || return 0
    while IFS= read -r known; do
        if [ -n "$known" ] && [ "$(physical "${known%/*}")" = "$place" ]; then program=$known bin_dir=${known%/*}; fi
    done <<END
$(programs)
END
}

# What root writes into the home of somebody else, that user can neither change nor remove.
check_root() {
    if [ "$allow_root" = 1 ] || [ "$(id -u 2>/dev/null)" != 0 ]; then return; fi
    caller=${SUDO_USER:-${DOAS_USER:-}}
    owner=$(owner_of "$home")
    if [ -n "$caller" ] && [ "$caller" != root ]; then
        wrong="this was called as root by $caller"
    elif [ "${owner:-0}" != 0 ]; then
        wrong="this was called as root, and $home belongs to the user with the number $owner"
    else
        return
    fi
    # A container in CI often has a home that is mounted from outside.
    if [ -n "${CI:-}" ]; then note "$wrong"; return; fi
    fail "$wrong: nothing was changed" 'run it as the user who shall have kache, without sudo; or say --allow-root if this is meant'
}

owner_of() {
    # shellcheck disable=SC2046
    set -- $(ls -ldn "$1" 2>/dev/null)
    printf '%s' "${3:-}"
}

# What keeps a directory from being made, or from being written to; nothing if nothing does.
obstacle() {
    at=$1
    while [ ! -e "$at" ] && [ ! -L "$at" ]; do at=$(dirname "$at"); done
    if [ ! -d "$at" ]; then
        printf '%s is not a directory' "$at"
    elif [ ! -w "$at" ] || [ ! -x "$at" ]; then
        user=$(id -un 2>/dev/null) || user='this user'
        printf '%s cannot be written to by %s' "$at" "$user"
    fi
}

# Known before anything is downloaded or built.
check_places() {
    if [ ! -d "$home" ]; then fail "HOME is $home, which is not a directory" 'set it to the home directory of the user who shall have kache'; fi
    why=$(obstacle "$bin_dir")
    if [ -n "$why" ]; then fail "kache cannot be put into $bin_dir: $why" 'change that, or say another directory: --bin-dir DIR'; fi
    why=$(obstacle "$own")
    if [ -n "$why" ]; then fail "what is installed cannot be noted in $own: $why" 'change that, or set XDG_DATA_HOME to another directory'; fi
    if [ -d "$program" ]; then fail "$program is a directory" 'move it away, or say another directory: --bin-dir DIR'; fi
}

# What a run leaves behind when it ends, however it ends: nothing unfinished.
clean_up() {
    code=$?
    trap - EXIT INT TERM HUP
    if [ -n "$partial" ]; then rm -f "$partial"; fi
    if [ "$changed" = 1 ]; then take_back; fi
    if [ -n "$stage" ]; then rm -rf "$stage"; fi
    exit "$code"
}

make_stage() {
    if have mktemp; then
        stage=$(mktemp -d "${TMPDIR:-/tmp}/kache-install.XXXXXX" 2>/dev/null)
    else
        # It is made, or it was there already and this fails: nobody else can have put it there.
        stage=${TMPDIR:-/tmp}/kache-install.$$
        mkdir -m 700 "$stage" 2>/dev/null || stage=''
    fi
    if [ -z "$stage" ]; then fail "no temporary directory can be made in ${TMPDIR:-/tmp}" 'set TMPDIR to a directory that can be written to'; fi
}

# ---------------------------------------------------------------------------------------------- what to install

detect_target() {
    need uname
    os=$(uname -s) arch=$(uname -m)
    case $arch in
        x86_64 | amd64) arch=x86_64 ;;
        aarch64 | arm64) arch=aarch64 ;;
        *) fail "there is no release for the processor $arch" 'build it: git clone, then sh installers/install.sh --from-source' ;;
    esac
    case $os in
        Linux)
            # The kernel may be wider than what runs on it.
            if [ "$(getconf LONG_BIT 2>/dev/null)" = 32 ] || is_32_bit_program; then
                fail "the kernel has 64 bits, but the programs here have 32: there is no release for them"
            fi
            target=$arch-unknown-linux-musl
            ;;
        Darwin)
            if [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then arch=aarch64; fi
            target=$arch-apple-darwin
            ;;
        MINGW* | MSYS* | CYGWIN*) fail "this script does not install on Windows" 'use installers/install.ps1 in PowerShell' ;;
        *) fail "there is no release for $os" 'build it: git clone, then sh installers/install.sh --from-source' ;;
    esac
}

# The fifth byte of a program tells its width.
is_32_bit_program() {
    [ -r /proc/self/exe ] && have od && have tr && [ "$(od -An -tu1 -j4 -N1 /proc/self/exe 2>/dev/null | tr -d ' ')" = 1 ]
}

# Fails unless a file at this address comes encrypted or from this machine.
check_url() {
    case $1 in
        https://[!/]* | file:///*) ;;
        http://*)
            # What follows an `@` would be the host, and this only a name to log in with.
            authority=${1#http://} authority=${authority%%/*}
            case ${authority##*:} in *[!0-9]*) host=$authority ;; *) host=${authority%:*} ;; esac
            case $host in 127.0.0.1 | localhost | '[::1]') ;; *) refuse_url "$1" ;; esac
            ;;
        *) refuse_url "$1" ;;
    esac
}

refuse_url() { fail "this address is neither https:// nor file:// nor http:// on this machine: $1"; }

# Downloads $1 to $2 with the first program that can.
download() {
    check_url "$1"
    # What begins with https stays with it, wherever it is sent on to; what is on this machine stays there.
    case $1 in
        file://*) cp "${1#file://}" "$2"; return ;;
        https:*) set -- "$1" "$2" --proto '=https' ;;
        *) set -- "$1" "$2" --proto '=http' --max-redirs 0 --noproxy '*' ;;
    esac
    if ! have curl && ! have wget; then
        fail 'there is neither curl nor wget' 'install one of them, or download the archive and use --archive FILE'
    fi
    if have curl; then
        with_curl "$@"
        # Another program can help where this one cannot run or cannot read or write files, as one in a sandbox.
        case $? in
            0) return 0 ;;
            2 | 4 | 23 | 48 | 77 | 12[67] | 13? | 14?) if have wget; then note "curl could not download to $2; wget is tried"; fi ;;
            *) said_by_client; rm -f "$2"; return 1 ;;
        esac
    fi
    if have wget && with_wget "$1" "$2"; then return; fi
    said_by_client
    rm -f "$2"
    return 1
}

said_by_client() { sed '/^ /d' "$stage/said" >&2; }

with_curl() {
    url=$1 to=$2
    shift 2
    set -- --fail --silent --show-error --location "$@"
    curl "$@" --retry 3 --output "$to" "$url" 2>"$stage/said"
    code=$?
    if [ "$code" != 23 ]; then return "$code"; fi
    # One in a sandbox writes to no file here, but to a pipe. Tried anew, it would write the beginning twice.
    { curl "$@" "$url" 2>"$stage/said"; printf '%s' "$?" >"$stage/code"; } | cat >"$to"
    code=$(cat "$stage/code")
    return "${code:-1}"
}

# wget has no option for where a redirection may lead, but it says where each one led.
with_wget() {
    url=$1 to=$2
    set -- -q -S -O "$to" "$url"
    # Some note in the home directory which servers want https.
    case $(wget --help 2>&1) in *--no-hsts*) set -- --no-hsts "$@" ;; esac
    case $url in
        https:*) wget "$@" 2>"$stage/said" ;;
        *) http_proxy='' wget "$@" 2>"$stage/said" ;;
    esac || return 1
    # One without a scheme leads to the scheme that it came from.
    sed -n 's/^[[:space:]]*[Ll][Oo][Cc][Aa][Tt][Ii][Oo][Nn]:[[:space:]]*//p' "$stage/said" >"$stage/locations"
    case $url in
        https:*) grep -i '^[a-z][a-z0-9+.-]*:' "$stage/locations" | grep -iv '^https:' >"$stage/led" ;;
        *) cp "$stage/locations" "$stage/led" ;;
    esac
    if [ -s "$stage/led" ]; then
        printf '%s\n' "$url is sent on to where nothing is downloaded from: $(cat "$stage/led")" >"$stage/said"
        return 1
    fi
    if grep -q 'certificate validation not implemented' "$stage/said"; then note "this wget did not check the certificate of $url"; fi
}

sha256_of() {
    if have sha256sum; then sha256sum <"$1" | cut -d ' ' -f 1
    elif have shasum; then shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif have openssl; then openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
    elif have sha256; then sha256 -q <"$1"
    else fail 'there is no sha256sum, shasum, openssl or sha256 to check the archive with'
    fi
}

# Whether two files hold the same.
same() {
    if [ ! -f "$1" ] || [ ! -f "$2" ]; then return 1; fi
    if have cmp; then cmp -s "$1" "$2"; return; fi
    sum=$(sha256_of "$1" 2>/dev/null) && other_sum=$(sha256_of "$2" 2>/dev/null) && [ -n "$sum" ] && [ "$sum" = "$other_sum" ]
}

# The sum that a list of `<sum>  <name>` has for a name.
listed_sum() {
    while read -r sum name || [ -n "$sum" ]; do
        case $name in "$1" | "*$1") printf '%s\n' "$sum"; return ;; esac
    done
}

# Checks $stage/$1 against what this script knows, or else what stands beside it, which $2 fetches.
check_sum() {
    expected=$(printf '%s\n' "$release_sums" | listed_sum "$1")
    if [ -z "$expected" ] && "$2" SHA256SUMS 2>/dev/null; then expected=$(listed_sum "$1" <"$stage/SHA256SUMS"); fi
    if [ -z "$expected" ] && "$2" "$1.sha256" 2>/dev/null; then expected=$(listed_sum "$1" <"$stage/$1.sha256"); fi
    if [ -z "$expected" ]; then
        fail "there is no checksum for $1" "SHA256SUMS or $1.sha256 has to stand beside it"
    fi
    actual=$(sha256_of "$stage/$1") || exit 1
    if [ "$expected" != "$actual" ]; then
        fail "$1 is not what was released: its checksum is $actual, and should be $expected" 'nothing was installed; download it again'
    fi
}

check_signature() {
    if [ -z "$public_key" ]; then
        unsigned 'no key is known to check the signature with' 'say --public-key KEY'
        return
    fi
    if ! have minisign && ! have rsign; then
        unsigned 'there is neither minisign nor rsign to check the signature with' 'install minisign'
        return
    fi
    "$2" "$1.sig" || fail "there is no signature for $1" 'nothing was installed'
    # Both say the trusted comment that they checked; minisign says nothing else.
    if have minisign; then
        comment=$(minisign -V -Q -P "$public_key" -x "$stage/$1.sig" -m "$stage/$1" 2>/dev/null)
    else
        comment=$(rsign verify -P "$public_key" -x "$stage/$1.sig" "$stage/$1" 2>&1) &&
            comment=$(printf '%s\n' "$comment" | sed -n 's/^Trusted comment: //p')
    fi || fail "the signature of $1 is not from the key $public_key" 'nothing was installed'
    check_signed_version "$1"
}

unsigned() {
    if [ "$require_signature" = 1 ]; then fail "$1" "$2"; fi
    note "only the checksum of $asset is checked, and not who made it: $1 ($2; with --require-signature this is an error)"
}

# A signature is of one release: `kache release format=1 version=0.2.0`, as `kache self-update` reads it. Otherwise an
# old release with a known flaw could be passed off as this one.
check_signed_version() {
    case $comment in
        'kache release '*) signed_version=$(word_of version) format=$(word_of format) ;;
        *) signed_version='' format='' ;;
    esac
    if [ -n "$format" ] && [ "$format" != 1 ]; then fail "this release has format $format, which this script does not know" 'use the script of that release'; fi
    if [ -z "$format" ] || [ -z "$signed_version" ]; then
        fail "the signature of $1 does not say which release it is of: $comment" 'nothing was installed'
    fi
    expected=$release_version
    if [ "$mode" = download ] && [ -z "$expected" ]; then
        case $base_url in */download/v*/*) ;; */download/v*) expected=${base_url##*/download/v} ;; esac
    fi
    if [ -n "$expected" ] && [ "$expected" != "$signed_version" ]; then
        fail "$1 is that of kache $signed_version, and not of $expected" 'nothing was installed'
    fi
}

word_of() { printf '%s\n' "$comment" | sed 's/[[:space:]]/\
/g' | sed -n -e "/^$1=/{" -e 's///p' -e 'q' -e '}'; }

from_url() { download "$base_url/$1" "$stage/$1"; }
from_disk() { cp "$archive_dir/$1" "$stage/$1"; }

# Leaves the files of a release in $tree.
get_release() {
    case $mode in
        download)
            case $base_url in
                '' | *.invalid/*) fail 'this script does not know where releases are' 'in a clone: sh installers/install.sh --from-source; or say --archive FILE or --base-url URL' ;;
            esac
            check_url "$base_url/"
            detect_target
            asset=kache-$target.tar.gz
            get=from_url from=$base_url
            say "kache ${release_version:+$release_version }for $target, from $base_url"
            if [ "$dry_run" = 1 ]; then say "would download: $base_url/$asset, and check it"; return; fi
            ;;
        archive)
            if [ ! -f "$archive" ]; then fail "there is no file $archive"; fi
            asset=$(basename "$archive")
            target=${asset#kache-} target=${target%.tar.gz}
            archive_dir=$(CDPATH='' cd -- "$(dirname "$archive")" && pwd) || exit 1
            get=from_disk from=$archive_dir
            if [ "$dry_run" = 1 ]; then say "would unpack: $archive_dir/$asset, and check it"; return; fi
            ;;
        source) build; return ;;
    esac
    need cut tar
    make_stage
    "$get" "$asset" || fail "$asset could not be had from $from" 'nothing was installed'
    check_sum "$asset" "$get"
    check_signature "$asset" "$get"
    unpack
    if [ ! -f "$tree/kache" ]; then fail "$asset holds no kache-$target/kache" 'nothing was installed'; fi
}

unpack() {
    tree=$stage/kache-$target
    if ! tar -tzf "$stage/$asset" >"$stage/listed" 2>"$stage/said"; then
        # Some have it built in.
        if ! have gzip; then fail 'this script needs a program that is not on PATH: gzip' 'install it, then run it again'; fi
        cat "$stage/said" >&2
        fail "$asset cannot be unpacked" 'nothing was installed'
    fi
    if grep -v "^kache-$target/" "$stage/listed" | grep . >/dev/null || grep '\.\.' "$stage/listed" >/dev/null; then
        fail "$asset holds files that do not belong there" 'nothing was installed'
    fi
    tar -xzf "$stage/$asset" -C "$stage" || fail "$asset cannot be unpacked" 'nothing was installed'
}

build() {
    if [ "$require_signature" = 1 ]; then fail 'sources have no signature' 'leave out --require-signature, or install a release'; fi
    if [ -z "$source_dir" ]; then source_dir=$(dirname "$0")/..; fi
    if ! grep -qs '^name = "kache"$' "$source_dir/Cargo.toml"; then
        fail "there are no sources of kache in $source_dir" 'say where: --from-source DIR'
    fi
    if ! have cargo; then fail 'there is no cargo on PATH' 'install Rust first'; fi
    source_dir=$(CDPATH='' cd -- "$source_dir" && pwd) || exit 1
    if [ "$dry_run" = 1 ]; then say "would run: cargo install --path $source_dir --locked"; return; fi
    make_stage
    tree=$stage/tree
    mkdir "$tree" || exit 1
    say "Building kache in $source_dir with cargo. This takes a few minutes; cargo shows what it is compiling."
    # Run in the sources, so that their toolchain and their directory for builds are used. With the directory on PATH, cargo
    # does not ask for that.
    (
        cd "$source_dir" || exit 1
        PATH=$stage/built/bin:$PATH CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$source_dir/target} RUSTC_WRAPPER='' \
            cargo install --path . --locked --no-track --root "$stage/built"
    ) || fail 'cargo could not build it' 'nothing was installed'
    mv "$stage/built/bin/kache" "$tree/kache" || exit 1
    for part in completions man; do
        if [ -d "$source_dir/$part" ]; then cp -R "$source_dir/$part" "$tree/$part" || exit 1; fi
    done
    target=$(cd "$source_dir" && rustc -vV | sed -n 's/^host: //p')
}

# ---------------------------------------------------------------------------------------------- putting it there

install() {
    check_places
    if [ "$force" = 0 ] && { [ -e "$program" ] || [ -L "$program" ]; } && ! is_ours "$program" && ! is_recorded "foreign $program"; then
        fail "there is a kache already that this script did not install: $program" 'remove it the way it was installed, or say --force'
    fi
    get_release
    n_before=0 moved_from=''
    if [ -f "$manifest" ]; then n_before=$(($(wc -l <"$manifest"))); fi
    changed=1
    moved_from=$(programs | sed -n '$p')
    if [ "$moved_from" = "$program" ]; then moved_from=''; fi
    # The last of these lines is the program that is in use.
    if [ -n "$moved_from" ]; then append "program $program"; else record "program $program"; fi
    swap
    put_pages
    put_on_path
    write_receipt
    keep_previous
    finish
}

is_recorded() { grep -qsxF -e "$1" "$manifest"; }

# Nothing that is put anywhere is a link: one is of somebody who replaced it.
is_ours() { [ ! -L "$1" ] && is_recorded "file $1"; }

# Notes in the manifest what is about to be made, once.
record() { if ! is_recorded "$1"; then append "$1"; fi; }

append() {
    if [ "$dry_run" = 1 ]; then return; fi
    if [ ! -d "$own" ]; then
        # The directories that the manifest is in are its first lines.
        new_dirs=$(missing_dirs "$own")
        mkdir -p "$own" 2>/dev/null || fail "$own cannot be made: $(obstacle "$own")"
        printf '%s\n' "$new_dirs" | sed -n 's/^./dir &/p' >"$manifest" || fail "$manifest cannot be written"
    fi
    printf '%s\n' "$1" >>"$manifest" || fail "$manifest cannot be written"
}

# Those of a path and its parents that are not there, the outermost first.
missing_dirs() {
    missing='' at=$1
    while [ ! -d "$at" ]; do
        missing="$at
$missing"
        at=$(dirname "$at")
    done
    printf '%s' "$missing"
}

# Makes a directory; where that cannot be, `why` says so.
make_dir() {
    if [ -d "$1" ]; then return; fi
    if [ "$dry_run" = 1 ]; then say "would make: $1/"; return; fi
    why=$(obstacle "$1")
    if [ -n "$why" ]; then return 1; fi
    missing_dirs "$1" >"$stage/dirs"
    while IFS= read -r dir; do record "dir $dir"; done <"$stage/dirs"
    mkdir -p "$1" 2>/dev/null || { why="$1 cannot be made"; return 1; }
}

# Puts a file at its place, by rename. Answers 1 where that cannot be, and `why` says so; 2 where there is a file or a
# link that is not ours, which stays.
put() {
    why=''
    if [ "$dry_run" = 1 ]; then say "would write: $2"; return; fi
    if [ -L "$2" ] || { [ -e "$2" ] && ! is_ours "$2"; }; then note "$2 is not from this script; it was left alone"; return 2; fi
    if is_ours "$2" && same "$1" "$2"; then return; fi
    why=$(obstacle "$(dirname "$2")")
    if [ -n "$why" ]; then return 1; fi
    make_dir "$(dirname "$2")" || return 1
    partial=$2.new.$$
    cp "$1" "$partial" 2>/dev/null || { rm -f "$partial"; why="$2 cannot be written"; return 1; }
    record "file $2"
    if [ -e "$2" ]; then
        cp -p "$2" "$stage/before.$n_replaced" && printf '%s\n' "$2" >>"$stage/replaced" || fail "$2 cannot be kept in $stage"
        n_replaced=$((n_replaced + 1))
    fi
    mv -f "$partial" "$2" 2>/dev/null || { rm -f "$partial"; why="$2 cannot be written"; return 1; }
    partial=''
}

# The same for a file of this script's own directory, without which it does not go.
put_own() {
    if [ -e "$2" ]; then record "file $2"; fi
    put "$1" "$2" || fail "$2 cannot be written${why:+: $why}"
}

# The program: staged in its own directory, tried, exchanged by rename, tried again. What was there stays as $old.
swap() {
    why='' new=$bin_dir/.kache.new.$$ old=$bin_dir/.kache.old.$$ previous=$bin_dir/kache.prev
    if [ "$dry_run" = 1 ]; then
        make_dir "$bin_dir"
        say "would write: $program"
        if [ -e "$program" ]; then say "would keep: $previous"; fi
        return
    fi
    make_dir "$bin_dir" || fail "kache cannot be put into $bin_dir: $why"
    if is_ours "$program" && same "$tree/kache" "$program"; then check_program_version "$program"; return; fi
    cp "$tree/kache" "$new" && chmod 755 "$new" || { rm -f "$new"; fail "$new cannot be written"; }
    if ! "$new" --version >/dev/null 2>&1; then
        printf '#!/bin/sh\nexit 0\n' >"$new"
        if "$new" 2>/dev/null; then why=''; else why=1; fi
        rm -f "$new"
        if [ -n "$why" ]; then
            fail "no program runs in $bin_dir: its file system may be mounted with noexec" 'nothing was installed; say another directory: --bin-dir DIR'
        fi
        fail 'this kache does not run here' 'nothing was installed; --from-source builds one that does'
    fi
    check_program_version "$new"
    if [ -e "$program" ] || [ -L "$program" ]; then
        if ! is_ours "$program" && ! is_recorded "foreign $program"; then record "foreign $program"; is_newly_foreign=1; fi
        cp -P -p "$program" "$old" || { rm -f "$new" "$old"; fail "$old cannot be written"; }
    else
        record "file $program"
    fi
    swapped=1
    mv -f "$new" "$program" || fail "$program cannot be written"
    "$program" --version >/dev/null 2>&1 || fail 'the new kache did not run where it was put' 'what was there before is there again'
}

# What was signed as one version and is another was not signed by whom it should be.
check_program_version() {
    if [ -z "$signed_version" ]; then return; fi
    version=$("$1" --version) version=${version#kache } version=${version%% *}
    if [ "$version" != "$signed_version" ]; then
        rm -f "$new"
        fail "$asset was signed as kache $signed_version, and holds kache $version" 'nothing was installed'
    fi
}

# The last step: what was there becomes kache.prev, and nothing is taken back any more. No signal comes in between.
keep_previous() {
    trap '' INT TERM HUP
    if [ -n "$old" ] && { [ -e "$old" ] || [ -L "$old" ]; }; then
        # One that was not ours is what --uninstall puts back: upgrades do not take its place.
        if [ "$is_newly_foreign" = 0 ] && is_recorded "foreign $program" && { [ -e "$previous" ] || [ -L "$previous" ]; }; then
            rm -f "$old"
        else
            if ! is_recorded "foreign $program"; then record "file $previous"; fi
            mv -f "$old" "$previous" || fail "$previous cannot be written"
        fi
    fi
    changed=0
    heed_signals
}

put_pages() {
    if [ "$dry_run" = 1 ]; then
        say "would write: completions of the shells that are here, and manual pages, below $data and $config"
        return
    fi
    why=$(obstacle "$data/man/man1")
    if [ -n "$why" ]; then note "there are no manual pages: $why"
    elif [ -d "$tree/man/man1" ]; then
        for page in "$tree"/man/man1/*.1; do put_page "$page" "$data/man/man1/$(basename "$page")"; done
    fi
    if [ ! -d "$tree/completions" ]; then return; fi
    if have bash; then put_completion kache.bash "$data/bash-completion/completions/kache"; fi
    if have zsh; then put_completion _kache "$data/zsh/site-functions/_kache"; fi
    if have fish; then put_completion kache.fish "$data/fish/vendor_completions.d/kache.fish"; fi
    if [ -d "$config/nushell" ]; then put_completion kache.nu "$config/nushell/autoload/kache-completions.nu"; fi
}

put_completion() { put_page "$tree/completions/$1" "$2"; }

# What kache works without.
put_page() {
    put "$1" "$2"
    if [ $? = 1 ]; then note "there is no $2: $why"; fi
}

# ---------------------------------------------------------------------------------------------- PATH

# A text in single quotes, for shells of the Bourne family; nushell and fish get only plain paths.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# What shells read when they start. A script that is gone must not stop them.
line_for_shells() { printf '[ ! -f %s ] || . %s' "$(quoted "$own/env")" "$(quoted "$own/env")"; }

put_on_path() {
    if [ -n "${GITHUB_PATH:-}" ]; then
        if [ "$dry_run" = 1 ]; then say "would add $bin_dir to $GITHUB_PATH"
        else printf '%s\n' "$bin_dir" >>"$GITHUB_PATH" || note "$GITHUB_PATH cannot be written"; fi
        return
    fi
    case ":${PATH:-}:" in *":$bin_dir:"* | *":$bin_dir/:"*) on_path=1 ;; *) on_path=0 ;; esac
    if [ "$modify_path" = 0 ]; then return; fi
    # Files from before would have shells find the program where it was.
    if [ "$on_path" = 1 ] && { [ -z "$moved_from" ] || ! is_recorded "file $own/env"; }; then return; fi
    case $bin_dir in *:*) note "$bin_dir cannot be put on PATH: there is a colon in it"; return ;; esac
    env_script=$own/env
    line=$(line_for_shells)
    if [ "$dry_run" = 0 ]; then
        dir=$(quoted "$bin_dir")
        cat >"$stage/env" <<END
# Puts kache on PATH, once.
case ":\${PATH}:" in
    *:$dir:*) ;;
    *) export PATH=$dir:"\${PATH}" ;;
esac
END
        put_own "$stage/env" "$env_script"
    else
        say "would write: $env_script"
    fi
    add_to_shells
}

# The files that shells read when they start; `reached` names those that have it.
add_to_shells() {
    for rc in .profile .bash_profile .bash_login .bashrc; do
        if [ -f "$home/$rc" ]; then add_line "$home/$rc"; fi
    done
    add_to_zsh
    case $bin_dir in
        *[\'\"\\\$]*) note "fish and nushell are not set up: there are quotes in $bin_dir" ;;
        *)
            if [ -d "$config/fish" ] || [ "$login_shell" = fish ]; then
                own_file "$config/fish/conf.d/kache.fish" "contains -- '$bin_dir' \$PATH; or set -gx PATH '$bin_dir' \$PATH"
            fi
            if [ -d "$config/nushell" ] || [ "$login_shell" = nu ]; then
                own_file "$config/nushell/autoload/kache.nu" "\$env.PATH = (\$env.PATH | prepend '$bin_dir' | uniq)"
            fi
            ;;
    esac
    # The shell of this user finds it in any case, with a file of its own that may be missing so far.
    case $login_shell in
        zsh | fish | nu) ;;
        bash)
            # One that logs in reads the first of three, and any other a fourth.
            for rc in .bash_profile .bash_login .profile; do if [ -e "$home/$rc" ] || [ -L "$home/$rc" ]; then break; fi; done
            make_rc "$home/$rc"
            make_rc "$home/.bashrc"
            ;;
        sh | ash | dash | ksh | ksh93 | mksh | busybox) make_rc "$home/.profile" ;;
        '') if [ -z "$reached" ]; then make_rc "$home/.profile"; fi ;;
        false | nologin) ;;
        *) note "$login_shell is not set up: put $bin_dir on its PATH yourself" ;;
    esac
}

# An interactive zsh reads .zshrc, every zsh .zshenv, and only one that logs in .zprofile.
add_to_zsh() {
    zsh_dir=${ZDOTDIR:-}
    # It may be set by what zsh alone reads.
    if [ -z "$zsh_dir" ] && have zsh && grep -qs ZDOTDIR /etc/zshenv /etc/zsh/zshenv "$home/.zshenv"; then
        zsh_dir=$(zsh -c 'printf "\n%s\n" "${ZDOTDIR:-}"' </dev/null 2>/dev/null | sed -n '$p')
    fi
    case $zsh_dir in /*) zsh_dir=$(tidy "$zsh_dir") ;; *) zsh_dir=$home ;; esac
    for rc in .zshrc .zshenv; do
        if [ -f "$zsh_dir/$rc" ]; then add_line "$zsh_dir/$rc"; return; fi
    done
    if [ -f "$zsh_dir/.zprofile" ]; then add_line "$zsh_dir/.zprofile"; fi
    if [ "$login_shell" = zsh ]; then make_rc "$zsh_dir/.zshrc"; fi
}

# Makes a file with the line in it, where there is none.
make_rc() {
    if [ -f "$1" ]; then return; fi
    if [ "$dry_run" = 1 ]; then say "would make: $1, with: $line"; return; fi
    if [ -e "$1" ] || [ -L "$1" ] || [ -n "$(obstacle "$(dirname "$1")")" ] || ! make_dir "$(dirname "$1")"; then
        note "$1 cannot be written; put this into it: $line"
        return
    fi
    record "made $1"
    printf '%s\n' "$line" >"$1" || { note "$1 cannot be written; put this into it: $line"; return; }
    reach "$1"
}

reach() { reached=${reached:+$reached, }$1; }

own_file() {
    if [ "$dry_run" = 0 ]; then printf '%s\n' "$2" >"$stage/own"; fi
    put "$stage/own" "$1"
    case $? in
        0) reach "$1" ;;
        1) note "$why; put this into what that shell reads when it starts: $2" ;;
    esac
}

# Adds the line to a file of the user's, which stays the same file: links, mode and owner are as before.
add_line() {
    if is_in_file "$1"; then reach "$1"; return; fi
    # Whether its owner may write; root always could.
    case $(ls -ldL "$1" 2>/dev/null) in ??w* | '') is_writable=1 ;; *) is_writable=0 ;; esac
    if [ "$is_writable" = 0 ] || [ ! -w "$1" ]; then
        note "$1 is read-only; put this into it yourself: $line"
        return
    fi
    if [ "$dry_run" = 1 ]; then say "would add to $1: $line"; return; fi
    # The line break that ends what was the last line has to go with the line.
    if [ -s "$1" ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 0 ]; then
        record "broken-line $1"
        printf '\n%s\n' "$line" >>"$1"
    else
        record "line $1"
        printf '%s\n' "$line" >>"$1"
    fi || { note "$1 cannot be written; put this into it yourself: $line"; return; }
    reach "$1"
}

is_in_file() { grep -qsxF -e "$line" "$1"; }

# Removes the line from a file of the user's; and nothing else, whatever else was written to it meanwhile.
remove_line() {
    if [ ! -f "$1" ] || ! grep -qsF -e "$line" "$1"; then return; fi
    n_bytes=$(wc -c <"$1") n_own=$(($(printf '%s\n' "$line" | wc -c)))
    if [ "$2" = broken-line ]; then n_own=$((n_own + 1)); fi
    n_rest=$((n_bytes - n_own))
    if [ "$2" = broken-line ]; then added="
$line"; else added=$line; fi
    printf '%s\n' "$added" >"$stage/added"
    tail -c "$n_own" "$1" >"$stage/tail"
    if [ "$n_rest" -ge 0 ] && same "$stage/tail" "$stage/added"; then
        head -c "$n_rest" "$1" >"$stage/rest"
    else
        # It was written to since: the line goes, wherever it is now.
        if [ "$2" = broken-line ]; then n_rest=$((n_rest + 1)); fi
        LC_ALL=C sed -e "\\@^$(printf '%s' "$line" | sed 's/[][\.*^$@]/\\&/g')\$@d" "$1" >"$stage/rest"
    fi
    if [ "$(wc -c <"$stage/rest")" -ne "$n_rest" ]; then
        note "remove this line from $1 yourself: $line"
        return
    fi
    real=$1
    if [ -L "$1" ] && ! real=$(readlink -f "$1" 2>/dev/null); then
        # Older systems do not say where it leads; it has to stay a link all the same.
        cat "$stage/rest" >"$1"
    else
        cp -p "$real" "$real.new.$$" && cat "$stage/rest" >"$real.new.$$" && mv -f "$real.new.$$" "$real"
    fi || {
        rm -f "$real.new.$$"
        note "$1 cannot be written; remove this line from it yourself: $line"
    }
}

# ---------------------------------------------------------------------------------------------- the end

json() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

# Says what was installed how: `kache self-update` only replaces what is written here.
write_receipt() {
    if [ "$dry_run" = 1 ]; then say "would write: $receipt"; return; fi
    method=installer
    if [ "$mode" = source ]; then method=source; fi
    installed=$("$program" --version) installed=${installed#kache }
    url=$base_url
    if [ "$mode" != download ]; then url=$release_url; fi
    # Where all releases are, and not this one.
    case $url in */latest/download) url=${url%/latest/download} ;; */download/v*) url=${url%/download/v*} ;; esac
    {
        printf '{\n  "format": 1,\n  "method": "%s",\n  "version": %s,\n' "$method" "$(json "$installed")"
        printf '  "target": %s,\n  "path": %s,\n  "base_url": %s\n}\n' "$(json "$target")" "$(json "$program")" "$(json "$url")"
    } >"$stage/receipt"
    put_own "$stage/receipt" "$receipt"
}

finish() {
    if [ "$dry_run" = 1 ]; then
        if [ "$init" = 1 ]; then say "would run: $program init"; fi
        say 'Nothing was changed.'
        return
    fi
    say "kache $installed is installed: $program"
    if [ -n "$moved_from" ] && [ -e "$moved_from" ]; then
        note "$moved_from stays, as something may still call it; --uninstall removes both"
    fi
    if [ -n "$reached" ]; then
        say "Shells that read one of these to its end find it: $reached"
        case $login_shell in
            fish) if [ "$on_path" = 0 ]; then say "This one does after: source $(quoted "$config/fish/conf.d/kache.fish")"; fi ;;
            *) if [ "$on_path" = 0 ]; then say "This one does after: . $(quoted "$own/env")"; fi ;;
        esac
    elif [ "$on_path" = 0 ]; then
        note "$bin_dir is not on PATH"
    fi
    if [ "$login_shell" = zsh ] && [ -f "$data/zsh/site-functions/_kache" ]; then
        say "For completions in zsh, put this into .zshrc, before compinit: fpath=($(quoted "$data/zsh/site-functions") \$fpath)"
    fi
    found=$(command -v kache 2>/dev/null) || found=''
    if [ -n "$found" ] && [ "$found" != "$program" ]; then note "another kache comes first on PATH: $found"; fi
    if [ "$init" = 0 ]; then say "To have cargo call it: $program init"; return; fi
    if [ "$yes" = 1 ]; then
        "$program" init -y
    elif [ -t 0 ]; then
        "$program" init
    else
        "$program" init </dev/tty
    fi || {
        printf 'error: kache is installed, but cargo does not call it yet\nhint: %s init\n' "$program" >&2
        exit 1
    }
}

# The program, and the files of the version before, as they were before this run.
put_back() {
    if [ "$n_replaced" -gt 0 ]; then
        n_replaced=0
        while IFS= read -r path; do
            mv -f "$stage/before.$n_replaced" "$path" || note "$path is that of the new version"
            n_replaced=$((n_replaced + 1))
        done <"$stage/replaced"
    fi
    rm -f "$new"
    if [ "$swapped" = 0 ]; then rm -f "$old"
    elif [ -e "$old" ] || [ -L "$old" ]; then mv -f "$old" "$program" || note "the kache that was there before is $old"
    else rm -f "$program"
    fi
}

# Takes back what this run did, when it could not go on.
take_back() {
    if [ "$dry_run" = 1 ]; then return; fi
    put_back
    if [ ! -f "$manifest" ]; then return; fi
    sed "1,${n_before}d" "$manifest" >"$stage/undo"
    if [ "$n_before" -gt 0 ]; then sed -n "1,${n_before}p" "$manifest" >"$stage/kept"; else cp "$manifest" "$stage/undo"; fi
    undo "$stage/undo"
    if [ "$n_before" -gt 0 ]; then cp "$stage/kept" "$manifest"; else rm -f "$manifest"; fi
    remove_dirs "$stage/undo"
}

# The lines of a manifest, the last first.
backwards() { sed '1!G;h;$!d' "$1" >"$stage/backwards"; }

# Takes back what the lines of a manifest say, the last first; all but the directories, of which one holds the manifest.
undo() {
    line=$(line_for_shells)
    backwards "$1"
    while IFS= read -r entry; do
        what=${entry#* }
        case $entry in
            'file '*)
                if [ -L "$what" ]; then note "$what is a link that is not from this script; it was left alone"; else run rm -f "$what"; fi
                ;;
            'foreign '*)
                if [ -e "${what}.prev" ] || [ -L "${what}.prev" ]; then run mv -f "$what.prev" "$what"; fi
                ;;
            'line '* | 'broken-line '*)
                if [ "$dry_run" = 1 ]; then say "would remove from $what: $line"; else remove_line "$what" "${entry%% *}"; fi
                ;;
            'made '*)
                if [ "$dry_run" = 1 ]; then say "would remove from $what: $line"; continue; fi
                remove_line "$what" line
                if [ -f "$what" ] && [ ! -L "$what" ] && [ ! -s "$what" ]; then rm -f "$what"; fi
                ;;
        esac
    done <"$stage/backwards"
    return 0
}

remove_dirs() {
    backwards "$1"
    while IFS= read -r entry; do
        case $entry in
            'dir '*) if [ "$dry_run" = 1 ]; then say "would remove, if empty: ${entry#* }"; else rmdir "${entry#* }" 2>/dev/null; fi ;;
        esac
    done <"$stage/backwards"
    return 0
}

# Without a kache to ask: what in cargo's own configuration still names one that was installed.
refuse_if_wired() {
    cargo_home=${CARGO_HOME:-$home/.cargo}
    for file in "$cargo_home/config.toml" "$cargo_home/config"; do
        if [ ! -f "$file" ]; then continue; fi
        wired=$(sed -n -e '/^[[:space:]]*#/d' -e '/rustc-wrapper/p' "$file" | grep -F -f "$stage/programs" -e "$own/bin/" -e '"kache"' -e "'kache'") || continue
        fail "$program does not run, and cargo still calls it, so that nothing was removed: $file says $wired" "remove that line from $file, then run this again; until then RUSTC_WRAPPER= cargo build builds without it"
    done
}

# Sets `unwiring` to a program that runs and knows what it changed for cargo: one that was installed, or what was there
# before it if that was a kache from here as well.
find_unwiring() {
    unwiring=''
    while IFS= read -r installed; do
        if runs "$installed"; then unwiring=$installed; return; fi
        if ! is_recorded "foreign $installed" && runs "$installed.prev"; then unwiring=$installed.prev; return; fi
    done <"$stage/programs"
}

runs() { [ -x "$1" ] && "$1" --version </dev/null >/dev/null 2>&1; }

uninstall() {
    if [ ! -f "$manifest" ]; then
        say "Nothing to do: this script has not installed kache for ${home}."
        return
    fi
    if [ "$dry_run" = 0 ] && [ "$yes" = 0 ]; then
        printf 'Remove kache from %s? [y/N] ' "$program" >&2
        read -r answer </dev/tty || answer=''
        case $answer in y* | Y*) ;; *) say 'Nothing was changed.'; return ;; esac
    fi
    make_stage
    # The last first: that is the one that cargo was told of last.
    programs | sed '1!G;h;$!d' >"$stage/programs"
    # Cargo first: one that calls a program that is not there builds nothing.
    find_unwiring
    if [ -z "$unwiring" ]; then
        refuse_if_wired
        if [ "$purge" = 1 ]; then note 'the store stays, as no kache runs that could remove it'; fi
    else
        set -- uninstall -y --by-installer
        if [ "$purge" = 1 ]; then set -- "$@" --purge; fi
        run "$unwiring" "$@" || fail 'cargo may still call kache, so that nothing was removed' "see what it says above; RUSTC_WRAPPER= cargo build builds without it"
    fi
    cp "$manifest" "$stage/undo" || exit 1
    undo "$stage/undo"
    # Only now: whoever stops this can have it go on.
    run rm -f "$manifest"
    remove_dirs "$stage/undo"
    if [ "$dry_run" = 1 ]; then say 'Nothing was changed.'; else say 'Done: kache is removed.'; fi
}

main ${1+"$@"}
exit 0
}
