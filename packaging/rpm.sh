#!/bin/sh
# Makes the RPM package of a release archive, which is static and so depends on nothing:
#
#   packaging/rpm.sh TARGET OUT_DIR
set -eu
target=$1
root=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd)
out=$(CDPATH='' cd -- "$2" && pwd)
arch=${target%%-*}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
rpmbuild -bb --quiet --target "$arch" --define "_topdir $stage" --define "_sourcedir $out" \
    "$root/packaging/rendered/rpm/kache.spec"
cp "$stage/RPMS/$arch/"*.rpm "$out/"
