//! The bytes of the MySQL protocol that greetings, logins and answers to statements need.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::switch::Answer;

/// Announced in the greeting, so that nobody takes it for a server.
const VERSION: &str = "9.7.4-lab-fake";
/// `CLIENT_SSL` in the capabilities.
const CLIENT_SSL: u32 = 0x0800;
/// What MySQL 9.7.4 announces without TLS.
const CAPABILITIES: u32 = 0x9fff_f7ff;
/// The largest packet that is read; a login takes some 200 bytes, a certificate chain in a statement some thousand.
const MAX_PACKET: usize = 32 << 10;

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
    error(sequence, 1045, &text)
}

/// An error after the greeting, its text with the SQLSTATE in front.
fn error(sequence: u8, code: u16, text: &str) -> Vec<u8> {
    packet(
        sequence,
        &[&[0xff], &code.to_le_bytes()[..], text.as_bytes()].concat(),
    )
}

/// The answer to a statement, for clients that did not choose `CLIENT_DEPRECATE_EOF`.
pub(super) fn answer(answer: &Answer) -> Vec<u8> {
    const END: &[u8] = &[0xfe, 0, 0, 2, 0];
    let (columns, rows) = match answer {
        Answer::Done => return ok(1),
        Answer::Refused(code, text) => return error(1, *code, &format!("#HY000{text}")),
        Answer::Rows(columns, rows) => (*columns, rows),
    };
    let count = u8::try_from(columns).expect("no statement has many columns");
    let mut payloads = vec![vec![count]];
    payloads.extend(std::iter::repeat_n(column(), columns));
    payloads.push(END.to_vec());
    payloads.extend(rows.iter().map(|row| texts(row.iter().map(String::as_str))));
    payloads.push(END.to_vec());
    let numbered = payloads.iter().zip(1..);
    numbered
        .flat_map(|(payload, sequence)| packet(sequence, payload))
        .collect()
}

/// The definition of a column of texts; it has no name.
fn column() -> Vec<u8> {
    let mut definition = texts(["def", "", "", "", "", ""]);
    definition.extend([12, 255, 0, 0, 4, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
    definition
}

/// Texts behind their lengths.
fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.push(u8::try_from(text.len()).expect("what the fake tells is short"));
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
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
