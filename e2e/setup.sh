#!/usr/bin/env bash
# Installs what the client tests need: missing toolchains from Debian, the vendor's clients into .cache/e2e.
# Everything is pinned, and what is already there is not installed again.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${SIGNET_E2E_CACHE:-$here/../.cache/e2e}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

main() {
    toolchains
    fresh venv "$here"/requirements*.txt || install_venv
    fresh node "$here"/clients/node/package*.json || install_node
    fresh go "$here"/clients/go/*.* "$here"/clients/go/*/* || install_go
    fresh java "$here"/clients/java/* || install_java
    echo "e2e: clients ready in $cache"
}

toolchains() {
    local missing=()
    # python3 alone is not enough on Debian: venv needs its own package.
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v go >/dev/null || missing+=(golang-go)
    command -v javac >/dev/null || missing+=(default-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    # For building our own programs: what a Rust toolchain needs besides itself.
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v curl >/dev/null || missing+=(curl)
    command -v jq >/dev/null || missing+=(jq)
    command -v unzip >/dev/null || missing+=(unzip)
    # Hosts of the lab: network namespaces.
    command -v ip >/dev/null || missing+=(iproute2)
    # For reading code samples.
    command -v php >/dev/null || missing+=(php-cli)
    command -v ruby >/dev/null || missing+=(ruby)
    # The browser of the console's tests, and letters for its Chinese pages: any font that has them will do.
    command -v chromium >/dev/null || missing+=(chromium)
    [[ -n $(fc-list :lang=zh-cn 2>/dev/null) ]] || missing+=(fontconfig fonts-wqy-microhei)
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || fail "missing: ${missing[*]} (no apt-get here to install them with)"
    echo "e2e: installing ${missing[*]} from Debian"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

fail() {
    echo "e2e: $*" >&2
    exit 1
}

# Was this part installed from these very files?
fresh() {
    [[ -f $cache/$1.done && $(cat "$cache/$1.done") == "$(fingerprint "${@:2}")" ]]
}

fingerprint() {
    cat "$here/setup.sh" "$@" | sha256sum | cut -d' ' -f1
}

# The mark is written last, so that a half-finished installation is never taken for a whole one.
mark() {
    fingerprint "${@:2}" >"$cache/$1.done"
}

begin() {
    echo "e2e: installing $1"
    rm -rf "${cache:?}/$1" "$cache/$1.done"
}

install_venv() {
    begin venv
    rm -rf "$cache/intl"
    python3 -m venv "$cache/venv"
    # --no-compile: tccli has models for hundreds of products, of which one is used.
    "$cache/venv/bin/python" -m pip install -q --no-deps --no-compile -r "$here/requirements.txt"
    "$cache/venv/bin/python" -m pip install -q --no-deps --no-compile --target "$cache/intl" -r "$here/requirements-intl.txt"
    mark venv "$here"/requirements*.txt
}

install_node() {
    begin node
    mkdir "$cache/node"
    cp "$here"/clients/node/package*.json "$cache/node/"
    (cd "$cache/node" && npm ci --silent --no-audit --no-fund --ignore-scripts)
    mark node "$here"/clients/node/package*.json
}

install_go() {
    begin go
    (cd "$here/clients/go" && GOTOOLCHAIN=local go build -buildvcs=false -mod=readonly -o "$cache/go/client" . &&
        GOTOOLCHAIN=local go build -buildvcs=false -mod=readonly -o "$cache/go/terraform" ./terraform)
    mark go "$here"/clients/go/*.* "$here"/clients/go/*/*
}

install_java() {
    begin java
    local copy=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies
    mvn -q -B --strict-checksums -f "$here/clients/java/pom.xml" "$copy" -DoutputDirectory="$cache/java/lib" >"$cache/java.log" ||
        fail "Maven failed: $(cat "$cache/java.log")"
    javac -d "$cache/java/classes" -cp "$cache/java/lib/*" "$here/clients/java/Client.java"
    mark java "$here"/clients/java/*
}

main
