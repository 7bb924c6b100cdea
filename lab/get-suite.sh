#!/bin/bash
# Unpacks packages of one Debian suite, with everything they need down to libc, into a folder of their own.
#
#   lab/get-suite.sh SUITE DEST PACKAGE...      lab/get-suite.sh sid .cache/lab/mysql mysql-server-core
#
# apt runs over a private root with an empty dpkg status: no root is needed, nothing on this system changes, and no
# package of this system is taken for a dependency. The programs run through the ld.so that was unpacked with them.
# DEST appears only when it is complete: the work is done beside it and renamed.
# SIGNET_LAB_MIRROR names a Debian mirror; otherwise the one is asked that the system's own sources name.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 SUITE DEST PACKAGE..." >&2; exit 2; }
SUITE=$1 DEST=$(realpath -m "$2"); shift 2
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "get-suite: $*" >&2; exit 1; }

for tool in apt-get dpkg dpkg-deb tar; do
    command -v "$tool" >/dev/null || fail "$tool is missing; this works on Debian 12 and newer, and on systems derived from it"
done
[ -r "$KEYRING" ] || fail "$KEYRING is missing; install the package debian-archive-keyring"

# apt itself reads both *.list and deb822 *.sources, and knows which entries are disabled. Third parties (-pgdg, …) have
# other suite or component names; a wrong guess cannot pass, because the index must be signed with Debian's key.
system_mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v codename="$codename" '$1 ~ /^https?:/ && $3 == "main" &&
            $2 ~ "^(" codename "|stable|testing|sid|unstable)$" && !found { print $1; found = 1 }'
}
MIRROR=${SIGNET_LAB_MIRROR:-$(system_mirror)}
[ -n "$MIRROR" ] || fail "the system's apt sources name no Debian mirror; set SIGNET_LAB_MIRROR=URL"

mkdir -p "$(dirname "$DEST")"
WORK=$(mktemp -d "$DEST.partial.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$WORK"/apt/{lists/partial,cache/archives/partial} "$WORK/new/root"
echo "deb [signed-by=$KEYRING] $MIRROR $SUITE main" >"$WORK/apt/sources.list"
: >"$WORK/apt/status"
# Hooks of the system's configuration would touch the system's own caches.
printf '#clear %s;\n' APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success \
    DPkg::Pre-Invoke DPkg::Post-Invoke DPkg::Pre-Install-Pkgs >"$WORK/apt/apt.conf"
OPTIONS=(-c "$WORK/apt/apt.conf"
    -oDir::Etc::SourceList="$WORK/apt/sources.list" -oDir::Etc::SourceParts=/dev/null
    -oDir::Etc::Preferences=/dev/null -oDir::Etc::PreferencesParts=/dev/null
    -oDir::State::Lists="$WORK/apt/lists" -oDir::State::status="$WORK/apt/status" -oDir::Cache="$WORK/apt/cache"
    -oDir::Cache::pkgcache= -oDir::Cache::srcpkgcache=
    -oAPT::Architecture="$(dpkg --print-architecture)" -oAPT::Architectures="$(dpkg --print-architecture)"
    -oAPT::Sandbox::User="$(id -un)" -oDebug::NoLocking=1
    -oAcquire::Languages=none -oAcquire::Retries=3
    -oAcquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -oAcquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)

# apt-get update says "0" even when an index could not be read, so errors are also looked for in what it prints.
run_apt() {
    apt-get "${OPTIONS[@]}" "$@" >"$WORK/apt/log" 2>&1 && ! grep -qE '^(E|W: Failed)' "$WORK/apt/log" ||
        { cat "$WORK/apt/log" >&2; fail "apt-get $1 failed for $SUITE at $MIRROR"; }
}
echo "get-suite: $* from Debian $SUITE at $MIRROR"
run_apt update -q
run_apt install -q -y --no-install-recommends --download-only "$@"

cd "$WORK/new/root"
mkdir -p usr/{lib,bin,sbin,lib64} # a merged-/usr skeleton, or packages that still ship /lib would hide libc from the others
for dir in lib bin sbin lib64; do ln -s "usr/$dir" "$dir"; done
unpack() {
    set -o pipefail
    dpkg-deb --fsys-tarfile "$1" | tar -x --no-same-owner --keep-directory-symlink \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
}
export -f unpack
printf '%s\0' "$WORK"/apt/cache/archives/*.deb | xargs -0 -n1 -P"$(nproc)" bash -c 'unpack "$1"' unpack
for deb in "$WORK"/apt/cache/archives/*.deb; do dpkg-deb -W "$deb"; done >"$WORK/new/packages"
chmod 755 "$WORK/new"
if [ -e "$DEST" ]; then rm -rf "$DEST"; fi
mv "$WORK/new" "$DEST"
echo "get-suite: $DEST: $(wc -l <"$DEST/packages") packages, $(du -sm "$DEST" | cut -f1) MB"
