//! Servers whose TLS our library does not speak: 1.1 and older, or 1.2 without forward secrecy.
//!
//! Up to TLS 1.2 the server's choice and its certificates come in clear. So a ClientHello made by hand, of the year 2010, is enough to
//! read them; nothing is computed and the handshake ends there.

use rustls::{CipherSuite, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Reason, Step, Tls, packet::broken};

const STEP: Step = Step::Handshake;

/// A chain of 10 RSA-4096 certificates is 20 kB.
const LONGEST_HANDSHAKE: usize = 128 * 1024;
const LONGEST_RECORD: usize = 18 * 1024;

/// What such servers may know: ECDHE, DHE and RSA key exchange with AES and 3DES; the last is not a suite but says that we know secure
/// renegotiation.
const SUITES: &[u16] = &[
    0xc02f, 0xc02b, 0xc030, 0xc02c, 0xc027, 0xc023, 0xc028, 0xc024, 0xc013, 0xc009, 0xc014, 0xc00a,
    0x009e, 0x009f, 0x0067, 0x006b, 0x0033, 0x0039, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035,
    0x000a, 0x00ff,
];

/// Sends the ClientHello and reads on to the certificates. `random` goes on the wire and protects nothing.
pub(crate) async fn read<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    random: [u8; 32],
) -> Result<Tls, Reason> {
    stream
        .write_all(&client_hello(random))
        .await
        .map_err(|e| broken(&e, STEP))?;
    stream.flush().await.map_err(|e| broken(&e, STEP))?;
    let mut handshake = Vec::new();
    while handshake.len() < LONGEST_HANDSHAKE {
        handshake.extend(read_record(stream).await?);
        if let Some(tls) = parse(&handshake)? {
            return Ok(tls);
        }
    }
    Err(failed("its first messages do not end"))
}

/// Reads one record of the handshake; an alert is the server's refusal.
async fn read_record<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Vec<u8>, Reason> {
    let mut header = [0; 5];
    stream
        .read_exact(&mut header)
        .await
        .map_err(|e| broken(&e, STEP))?;
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if length == 0 || length > LONGEST_RECORD {
        return Err(failed("it answered no TLS record"));
    }
    let mut body = vec![0; length];
    stream
        .read_exact(&mut body)
        .await
        .map_err(|e| broken(&e, STEP))?;
    match (header[0], body.as_slice()) {
        (22, _) => Ok(body),
        (21, [_, alert, ..]) => Err(Reason::HandshakeFailed {
            detail: format!("the server refuses every version and cipher, alert {alert}"),
        }),
        _ => Err(failed("it answered no TLS record")),
    }
}

/// Reads the messages that have come so far; `None` until the certificates are among them. A server without certificates goes on to its
/// key exchange or its end.
pub(crate) fn parse(mut handshake: &[u8]) -> Result<Option<Tls>, Reason> {
    const SERVER_HELLO: u8 = 2;
    const CERTIFICATE: u8 = 11;
    let mut chosen = None;
    while let [kind, a, b, c, rest @ ..] = handshake {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if length > LONGEST_HANDSHAKE {
            return Err(failed("a message is too long"));
        }
        let Some((message, rest)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        match (*kind, &chosen) {
            (SERVER_HELLO, None) => {
                chosen =
                    Some(server_hello(message).ok_or_else(|| failed("its ServerHello is broken"))?);
            }
            (CERTIFICATE, Some(chosen)) => {
                return certificates(message)
                    .map(|chain| Some(tls(*chosen, chain)))
                    .ok_or_else(|| failed("its Certificate is broken"));
            }
            (_, Some(chosen)) => return Ok(Some(tls(*chosen, Vec::new()))),
            (_, None) => return Err(failed("it does not begin with a ServerHello")),
        }
        handshake = rest;
    }
    Ok(None)
}

fn tls((version, cipher): (u16, u16), chain: Vec<Vec<u8>>) -> Tls {
    Tls {
        version: version_name(version),
        cipher: cipher_name(CipherSuite::from(cipher)),
        chain,
        signature_checked: false,
    }
}

pub(crate) fn version_name(version: u16) -> String {
    match ProtocolVersion::from(version) {
        ProtocolVersion::SSLv3 => "SSLv3".to_owned(),
        ProtocolVersion::TLSv1_0 => "TLSv1.0".to_owned(),
        ProtocolVersion::TLSv1_1 => "TLSv1.1".to_owned(),
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        _ => format!("0x{version:04x}"),
    }
}

/// The IANA name; our library writes `TLS13_` where IANA has `TLS_`.
pub(crate) fn cipher_name(suite: CipherSuite) -> String {
    match suite.as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1),
        None => format!("0x{:04x}", u16::from(suite)),
    }
}

/// Version, random, session id, suite.
fn server_hello(message: &[u8]) -> Option<(u16, u16)> {
    let (version, rest) = message.split_first_chunk::<2>()?;
    let (session, rest) = rest.get(32..)?.split_first()?;
    let suite = rest.get(usize::from(*session)..)?.first_chunk::<2>()?;
    Some((u16::from_be_bytes(*version), u16::from_be_bytes(*suite)))
}

/// A list of certificates, each with a length of three bytes, as the list itself.
fn certificates(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut list, _) = with_length(message)?;
    let mut chain = Vec::new();
    while !list.is_empty() {
        let (certificate, rest) = with_length(list)?;
        chain.push(certificate.to_vec());
        list = rest;
    }
    Some(chain)
}

fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([a, b, c], rest) = bytes.split_first_chunk::<3>()?;
    rest.split_at_checked(usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c))
}

fn client_hello(random: [u8; 32]) -> Vec<u8> {
    let suites: Vec<u8> = SUITES
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    let body = [
        &[3, 3],
        &random[..],
        &[0],
        &prefixed(&suites),
        &[1, 0],
        &prefixed(&extensions()),
    ]
    .concat();
    let message = [&[1, 0], &prefixed(&body)[..]].concat();
    [&[22, 3, 1], &prefixed(&message)[..]].concat()
}

/// Groups, point formats, signature algorithms; no supported_versions, so that this is no TLS 1.3 hello, and no name.
fn extensions() -> Vec<u8> {
    let groups = [0, 29, 0, 23, 0, 24, 0, 25];
    let signatures = [
        4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 3, 2, 1,
    ];
    [
        extension(10, &prefixed(&groups)),
        extension(11, &[1, 0]),
        extension(13, &prefixed(&signatures)),
    ]
    .concat()
}

fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[0, kind], &prefixed(body)[..]].concat()
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("our hello has a few hundred bytes");
    [&length.to_be_bytes(), bytes].concat()
}

fn failed(detail: &str) -> Reason {
    Reason::HandshakeFailed {
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests;
