//! What people use without Signet to see whether a server does TLS. Each run is checked to have found it.

use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};
use lab::{Kind, Server};

use super::{PASSWORD, USER};

/// `openssl s_client -starttls mysql`, as in every how-to.
pub(super) fn openssl(server: &Server) -> anyhow::Result<()> {
    let output = s_client(server, None)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        text.contains("BEGIN CERTIFICATE"),
        "openssl saw no certificate: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// `openssl s_client`, from another address of loopback if one is given.
pub(super) fn s_client(server: &Server, from: Option<&str>) -> anyhow::Result<Output> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-starttls", "mysql", "-connect"]);
    openssl.arg(format!("{}:{}", server.host(), server.port()));
    if let Some(from) = from {
        openssl.arg("-bind").arg(format!("{from}:0"));
    }
    openssl
        .stdin(Stdio::null())
        .output()
        .context("cannot run openssl")
}

/// The client that belongs to the server, as a user with an account would use it.
pub(super) fn command_line_client(server: &Server) -> anyhow::Result<()> {
    let mut client = server.installation().client();
    client.args(["--no-defaults", "--protocol=tcp", "--batch"]);
    client
        .arg(format!("--host={}", server.host()))
        .arg(format!("--port={}", server.port()));
    client
        .arg(format!("--user={USER}"))
        .env("MYSQL_PWD", PASSWORD);
    client.arg(match server.kind() {
        Kind::MySql => "--ssl-mode=REQUIRED",
        Kind::MariaDb | Kind::MariaDb11 => "--ssl",
    });
    let output = client
        .arg("--execute=SHOW STATUS LIKE 'Ssl_cipher'")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        text.contains("Ssl_cipher\tTLS_"),
        "the client saw no cipher: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
