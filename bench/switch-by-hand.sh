#!/usr/bin/env bash
# Switches TLS on as somebody does by hand who has a CA, `openssl` and the `mysql` client: node after node, every part as short as it gets.
#
#   switch-by-hand.sh FOLDER ACCOUNT HOST:PORT:DIRECTORY... -- CLIENT...
#
# FOLDER holds ca.pem and ca-key.pem, and gets the keys and certificates; DIRECTORY is the node's secure_file_priv; MYSQL_PWD is the
# account's password. Prints how long each part took on each node: PART MICROSECONDS.
set -euo pipefail
export LC_ALL=C

folder=$1 account=$2
shift 2
nodes=()
while [ "$1" != -- ]; do
    nodes+=("$1")
    shift
done
shift
client=("$@" --no-defaults --batch --skip-column-names --protocol=tcp "--user=$account")

main() {
    cd "$folder"
    for node in "${nodes[@]}"; do
        IFS=: read -r host port directory <<<"$node"
        # The server never writes a file over.
        path=$directory/by-hand-$EPOCHREALTIME
        for part in issue deliver load verify; do
            began=${EPOCHREALTIME/./}
            "$part"
            echo "$part $((${EPOCHREALTIME/./} - began))"
        done
    done
}

issue() {
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
    openssl req -new -key key.pem -subj "/CN=$host" -addext "subjectAltName=IP:$host" -out request.pem
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -days 397 -copy_extensions copy -out cert.pem 2>openssl.log
}

deliver() {
    for file in ca cert key; do
        printf "SELECT 0x%s INTO DUMPFILE '%s-%s.pem';\n" "$(od -An -v -tx1 "$file.pem" | tr -d ' \n')" "$path" "$file"
    done | mysql
}

load() {
    mysql <<SQL
SET PERSIST ssl_ca = '$path-ca.pem', PERSIST ssl_cert = '$path-cert.pem', PERSIST ssl_key = '$path-key.pem',
    PERSIST tls_version = 'TLSv1.2,TLSv1.3';
ALTER INSTANCE RELOAD TLS;
SQL
}

verify() {
    [[ $(mysql --ssl-mode=VERIFY_IDENTITY --ssl-ca=ca.pem --execute="SHOW STATUS LIKE 'Ssl_cipher'") == *TLS_* ]]
}

# Without TLS the client asks the server for a key to encrypt the password with.
mysql() {
    "${client[@]}" "--host=$host" "--port=$port" --get-server-public-key "$@"
}

main
