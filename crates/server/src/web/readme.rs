//! The text that goes with a bundle: connection strings that verify.

use ca::bundle::{Format, STORE_PASSWORD};

use crate::state::subject::Subject;

/// What is said of a bundle without a root.
const INCOMPLETE: &str = "
ATTENTION: the servers do not send their root certificate, and none was registered, so it is not in this bundle. Most clients
cannot verify without it. Ask whoever issued the certificates for it, and register it with the instance (CaCertificates).
";

/// The text for this instance or group. It depends on what was registered and served alone, so that the bundle's bytes stay
/// the same.
pub fn of(subject: &Subject, complete: bool) -> String {
    let lines = connections(subject)
        .into_iter()
        .map(|(client, text)| format!("{client:<9} {text}\n"));
    format!(
        "The CA certificates of `{id}`, in the formats that clients read.

  TencentDB-CA-Chain.pem   mysql, mariadb, and most languages
  TencentDB-CA-Chain.p7b   Windows
  TencentDB-CA-Chain.jks   Java (password: {STORE_PASSWORD})
  TencentDB-CA-Chain.p12   .NET, and Java 8u301 and newer (password: {STORE_PASSWORD})
{attention}
Each line below encrypts and verifies, the host name included. Where the server's certificate does not name
the host that you connect to, the verification fails, as it should: `signet status {id}` and the action
DescribePosture tell which names the certificate covers.

{connections}",
        id = subject.id(),
        attention = if complete { "" } else { INCOMPLETE },
        connections = lines.collect::<String>(),
    )
}

/// How each client connects, encrypted and verified: its name, and the line.
pub fn connections(subject: &Subject) -> Vec<(&'static str, String)> {
    let (host, port) = address(subject);
    let url_host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let pem = Format::Pem.file_name();
    let jks = Format::Jks.file_name();
    vec![
        (
            "mysql",
            format!("mysql --host={host} --port={port} --ssl-mode=VERIFY_IDENTITY --ssl-ca={pem}"),
        ),
        (
            "mariadb",
            format!("mariadb --host={host} --port={port} --ssl-verify-server-cert --ssl-ca={pem}"),
        ),
        (
            "JDBC",
            format!(
                "jdbc:mysql://{url_host}:{port}/?sslMode=VERIFY_IDENTITY&trustCertificateKeyStoreUrl=file:{jks}&trustCertificateKeyStorePassword={STORE_PASSWORD}"
            ),
        ),
        (
            "Python",
            format!("pymysql.connect(host=\"{host}\", port={port}, ssl={{\"ca\": \"{pem}\"}})"),
        ),
        (
            "Node.js",
            format!(
                "mysql2.createConnection({{ host: \"{host}\", port: {port}, ssl: {{ ca: fs.readFileSync(\"{pem}\") }} }})"
            ),
        ),
        (
            "Go",
            format!(
                "mysql.RegisterTLSConfig(\"db\", &tls.Config{{RootCAs: pool, ServerName: \"{host}\"}}) and tcp({url_host}:{port})/?tls=db"
            ),
        ),
        (
            "PHP",
            format!(
                "new PDO(\"mysql:host={host};port={port}\", $user, $password, [PDO::MYSQL_ATTR_SSL_CA => \"{pem}\", PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => true])"
            ),
        ),
        (
            ".NET",
            format!("Server={host};Port={port};SslMode=VerifyFull;SslCa={pem}"),
        ),
        (
            "Rust",
            format!(
                "mysql_async::SslOpts::default().with_root_certs(vec![Path::new(\"{pem}\").into()])"
            ),
        ),
    ]
}

/// The address that clients use: the virtual one, by name if there is a name; without one the first node's.
fn address(subject: &Subject) -> (String, u16) {
    let common = subject.common();
    let node = common.nodes.first().map(|node| &node.target);
    let of_node = || {
        node.and_then(|target| target.host())
            .map_or_else(|| "localhost".to_owned(), ToString::to_string)
    };
    let host = common
        .dns
        .first()
        .cloned()
        .or_else(|| common.vip.map(|vip| vip.to_string()))
        .unwrap_or_else(of_node);
    let port = if common.vport > 0 {
        common.vport
    } else {
        node.and_then(|target| target.port()).unwrap_or(3306)
    };
    (host, port)
}
