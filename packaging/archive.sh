#!/bin/sh
# Packs a program as the release archive of its target:
#
#   packaging/archive.sh TARGET PROGRAM OUT_DIR
#
# kache-<target>/{kache[.exe],README.md,LICENSE,completions/*,man/man1/*} and the documents that the README links to. The
# program alone may be executed: that is how tools that install from releases find it. For Linux there are the units that packages bring as well, in
# systemd/. Beside it stands <archive>.sha256.
set -eu
target=$1 program=$2 out=$3
root=$(CDPATH='' cd -- "$(dirname "$0")/.." && pwd)
mkdir -p "$out"
out=$(CDPATH='' cd -- "$out" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tree=$stage/kache-$target
mkdir "$tree"
case $target in *windows*) name=kache.exe ;; *) name=kache ;; esac
cp "$program" "$tree/$name"
cp "$root/LICENSE" "$root/CHANGELOG.md" "$root/CONTRIBUTING.md" "$root/SECURITY.md" "$tree/"
# The archive has no sources to link to.
sed 's|\[src/lib.rs\](src/lib.rs)|src/lib.rs|' "$root/README.md" >"$tree/README.md"
mkdir "$tree/docs"
cp -R "$root/docs/src" "$tree/docs/"
mkdir "$tree/assets"
cp -R "$root/assets/demo" "$tree/assets/"
cp -R "$root/completions" "$root/man" "$tree/"
case $target in *linux*) cp -R "$root/packaging/rendered/systemd" "$tree/" ;; esac
find "$tree" -type d -exec chmod 755 {} +
find "$tree" -type f -exec chmod 644 {} +
chmod 755 "$tree/$name"
cd "$stage"
case $target in
    *windows*)
        archive=kache-$target.zip
        if command -v zip >/dev/null; then zip -qr "$out/$archive" "kache-$target"; else 7z a -bso0 "$out/$archive" "kache-$target"; fi
        # The bare program as well: what is called portable under Windows has no archive around it.
        cp "$tree/$name" "$out/kache-$target.exe"
        made="$archive kache-$target.exe"
        ;;
    *)
        archive=kache-$target.tar.gz
        find "kache-$target" | LC_ALL=C sort >files
        tar -cf - --no-recursion -T files | gzip -n -9 >"$out/$archive"
        made=$archive
        ;;
esac
cd "$out"
for file in $made; do
    if command -v sha256sum >/dev/null; then sha256sum "$file"; else shasum -a 256 "$file"; fi | sed 's/ \*/  /' >"$file.sha256"
done
