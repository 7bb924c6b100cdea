//! The bytes of the MySQL protocol that a greeting and a refused login need.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Announced in the greeting, so that nobody takes it for a server.
const VERSION: &str = "9.7.4-lab-fake";
/// `CLIENT_SSL` in the capabilities.
const CLIENT_SSL: u32 = 0x0800;
/// What MySQL 9.7.4 announces without TLS.
const CAPABILITIES: u32 = 0x9fff_f7ff;
/// The largest packet that is read; a login takes some 200 bytes.
const MAX_PACKET: usize = 4096;

/// A packet: length, sequence number, payload.
fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("what the fake sends is short")
        .to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

/// The greeting (protocol version 10) that a server opens with.
pub(super) fn greeting(tls: bool) -> Vec<u8> {
    let capabilities = (if tls {
        CAPABILITIES | CLIENT_SSL
    } else {
        CAPABILITIES
    })
    .to_le_bytes();
    let mut payload = vec![10];
    payload.extend_from_slice(VERSION.as_bytes());
    payload.push(0);
    payload.extend_from_slice(&1_u32.to_le_bytes()); // connection id
    payload.extend_from_slice(b"saltsalt\0"); // the nonce is fixed: no password is ever checked
    payload.extend_from_slice(&capabilities[..2]);
    payload.extend_from_slice(&[255, 2, 0]); // utf8mb4_0900_ai_ci, autocommit
    payload.extend_from_slice(&capabilities[2..]);
    payload.push(21); // length of the whole nonce
    payload.extend_from_slice(&[0; 10]);
    payload.extend_from_slice(b"saltsaltsalt\0caching_sha2_password\0");
    packet(0, &payload)
}

/// An error instead of a greeting: without an SQLSTATE, because no capability is agreed yet.
pub(super) fn refusal(code: u16, text: &str) -> Vec<u8> {
    packet(
        0,
        &[&[0xff], &code.to_le_bytes()[..], text.as_bytes()].concat(),
    )
}

/// Error 1045, as an answer to the packet with the number before `sequence`.
pub(super) fn access_denied(sequence: u8, user: &str) -> Vec<u8> {
    let text = format!("#28000Access denied for user '{user}'@'localhost' (using password: YES)");
    packet(
        sequence,
        &[&[0xff], &1045_u16.to_le_bytes()[..], text.as_bytes()].concat(),
    )
}

/// OK: no rows, autocommit, no warnings.
pub(super) fn ok(sequence: u8) -> Vec<u8> {
    packet(sequence, &[0, 0, 0, 2, 0, 0, 0])
}

/// Reads one packet: its sequence number and payload.
pub(super) async fn read_packet(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<(u8, Vec<u8>)> {
    let header = stream.read_u32_le().await?;
    let (length, sequence) = ((header & 0x00ff_ffff) as usize, header.to_le_bytes()[3]);
    if length > MAX_PACKET {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((sequence, payload))
}

/// Whether a payload is an `SSLRequest`: the first 32 bytes of a login, with the flag.
pub(super) fn is_ssl_request(payload: &[u8]) -> bool {
    payload.len() == 32 && payload.get(1).is_some_and(|byte| byte & 0x08 != 0)
}

/// The user name in a login.
pub(super) fn user(login: &[u8]) -> String {
    let name = login
        .get(32..)
        .unwrap_or_default()
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
