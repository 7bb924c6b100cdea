#!/bin/bash
# Brings real database servers for tests, demo and benchmarks: MySQL 9 (Debian sid), MariaDB 10.11 (Debian 12) and
# MariaDB 11.8 (Debian 13), which has TLS without being told.
#
#   lab/get-servers.sh
#
# They go into ${SIGNET_LAB:-<repository>/.cache/lab}; no root, nothing on this system changes. A second run finds them
# and returns at once. Servers that are installed on this system are used instead, each for its own kind: MySQL 8.0.16 or
# newer, MariaDB 10.4 to 11.3, MariaDB 11.4 or newer; SIGNET_LAB_UNPACKED=1 passes them over. Remove the folder to get
# newer ones.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
LAB=${SIGNET_LAB:-$HERE/../.cache/lab}
mkdir -p "$LAB"
LAB=$(cd "$LAB" && pwd)

# Not needed by this script, but by what comes next: the lab makes its RSA keys with it.
command -v openssl >/dev/null || { echo "get-servers: openssl is missing; install the package openssl" >&2; exit 1; }

# Debian keeps servers in sbin, which is not on every user's PATH. The same rule stands in lab/src/installation.rs.
find_program() { PATH="$PATH:/usr/local/sbin:/usr/sbin" command -v "$1"; }
version_of() { "$1" --no-defaults --version 2>/dev/null | grep -oE 'Ver [0-9]+\.[0-9]+\.[0-9]+' | cut -d' ' -f2; }
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

# installed NAME SERVER CLIENT OLDEST BEFORE: true if this system has the server and the client itself.
installed() {
    local server version before=${5:-99999}
    [ -z "${SIGNET_LAB_UNPACKED:-}" ] || return 1
    server=$(find_program "$2") && find_program "$3" >/dev/null || return 1
    version=$(version_of "$server") || return 1
    case "$1:$("$server" --no-defaults --version)" in
    mysql:*MariaDB*) return 1 ;;
    mysql:* | mariadb*:*MariaDB*) ;;
    *) return 1 ;;
    esac
    at_least "$4" "$version" && ! at_least "$before" "$version" ||
        { echo "get-servers: $server is $version: not used for $1, which is $4 or newer${5:+, but older than $5}"; return 1; }
    echo "get-servers: $1 $version, installed on this system: $server"
}

# bring NAME SUITE SERVER CLIENT OLDEST BEFORE PACKAGE...; BEFORE is empty where no newer kind follows.
bring() {
    local name=$1 suite=$2 server=$3 client=$4 oldest=$5 before=$6 version
    shift 6
    if installed "$name" "$server" "$client" "$oldest" "$before"; then return; fi
    if [ ! -e "$LAB/$name" ]; then "$HERE/get-suite.sh" "$suite" "$LAB/$name" "$@"; fi
    [ -x "$LAB/$name/root/usr/sbin/$server" ] || { echo "get-servers: $LAB/$name holds no $server; remove it and try again" >&2; exit 1; }
    version=$(sed -nE "s/^$client-server-core[^\t]*\t([0-9]+:)?//p" "$LAB/$name/packages" | head -1)
    echo "get-servers: $name $version: $LAB/$name"
}

exec 9>"$LAB/lock"
flock -n 9 || { echo "get-servers: another run is at work on $LAB; waiting for it"; flock 9; }
rm -rf "$LAB"/*.partial.* # what an interrupted run left

bring mysql sid mysqld mysql 8.0.16 "" mysql-server-core mysql-client-core &
jobs=($!)
bring mariadb bookworm mariadbd mariadb 10.4 11.4 mariadb-server-core mariadb-client-core &
jobs+=($!)
bring mariadb11 trixie mariadbd mariadb 11.4 "" mariadb-server-core mariadb-client-core &
jobs+=($!)
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
exit "$failed"
