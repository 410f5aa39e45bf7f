#!/bin/sh
# Makes the Debian package of a release archive, which is static and so depends on nothing:
#
#   packaging/deb.sh TARGET OUT_DIR
set -eu
target=$1
root=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd)
out=$(CDPATH='' cd -- "$2" && pwd)
case $target in aarch64-*) arch=arm64 ;; *) arch=amd64 ;; esac
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tar -xzf "$out/kache-$target.tar.gz" -C "$stage"
from=$stage/kache-$target to=$stage/deb
put() { install -D -m "$1" "$2" "$to/$3"; }
put 755 "$from/kache" usr/bin/kache
put 644 "$from/completions/kache.bash" usr/share/bash-completion/completions/kache
put 644 "$from/completions/_kache" usr/share/zsh/vendor-completions/_kache
put 644 "$from/completions/kache.fish" usr/share/fish/vendor_completions.d/kache.fish
for page in "$from"/man/man1/*.1; do
    put 644 "$page" "usr/share/man/man1/${page##*/}"
    gzip -9n "$to/usr/share/man/man1/${page##*/}"
done
# Not enabled: each user decides with `kache init` or `kache daemon install`.
for unit in kache.service kache.socket; do
    put 644 "$from/systemd/$unit" "usr/lib/systemd/user/$unit"
done
debian=$root/packaging/rendered/deb
put 644 "$debian/copyright" usr/share/doc/kache/copyright
put 644 "$debian/lintian-overrides" usr/share/lintian/overrides/kache
put 644 "$debian/control.$arch" DEBIAN/control
put 755 "$debian/prerm" DEBIAN/prerm
version=$(sed -n 's/^Version: \(.*\)-1$/\1/p' "$to/DEBIAN/control")
maintainer=$(sed -n 's/^Maintainer: //p' "$to/DEBIAN/control")
printf 'kache (%s-1) unstable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}")" >"$stage/changelog"
put 644 "$stage/changelog" usr/share/doc/kache/changelog.Debian
gzip -9n "$to/usr/share/doc/kache/changelog.Debian"
dpkg-deb --root-owner-group --build "$to" "$out/kache_${version}_$arch.deb"
