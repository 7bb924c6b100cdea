//! A server whose TLS ends at 1.1, as far as it can be looked at: ServerHello, Certificate and
//! ServerHelloDone, all in clear.
//!
//! The rules are those of RFC 4346 and, for what a newer client offers, RFC 8446 §4.2.1. A real server of
//! that age, MariaDB 10.5 under `tls_version=TLSv1.1`, was seen to answer a TLS 1.3 client with the alert
//! `protocol_version` too.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const TLS_1_1: [u8; 2] = [3, 2];
/// `TLS_RSA_WITH_AES_128_CBC_SHA`: the key exchange that needs no further message.
const SUITE: [u8; 2] = [0x00, 0x2f];
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// Answers a ClientHello, then waits for the client's next flight and leaves it unanswered. True if the
/// client was shown the certificate.
pub(super) async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    certificate: &[u8],
) -> io::Result<bool> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut hello).await?;
    let hello = Hello::parse(&hello).filter(|_| header[0] == HANDSHAKE);
    let renegotiation = hello.as_ref().is_some_and(|hello| hello.renegotiation);
    let alert = hello.map_or(Some(HANDSHAKE_FAILURE), |hello| hello.refusal());
    if let Some(description) = alert {
        stream.write_all(&record(ALERT, &[2, description])).await?;
        return Ok(false);
    }
    stream
        .write_all(&first_flight(certificate, renegotiation))
        .await?;
    stream.read_u8().await?; // the client's key exchange: from here on a real server would decrypt
    Ok(true)
}

/// What matters of a ClientHello.
struct Hello {
    suites: Vec<[u8; 2]>,
    /// The extension `supported_versions`, which overrides the version in the hello itself.
    versions: Option<Vec<[u8; 2]>>,
    legacy_version: [u8; 2],
    /// Whether it understands RFC 5746. OpenSSL 3 goes on only if the server does too.
    renegotiation: bool,
}

impl Hello {
    fn parse(message: &[u8]) -> Option<Self> {
        let mut rest = message.strip_prefix(&[1])?.get(3..)?;
        let legacy_version = take(&mut rest, 2)?.try_into().ok()?;
        take(&mut rest, 32)?; // random
        take_vector::<1>(&mut rest)?; // session id
        let suites = pairs(take_vector::<2>(&mut rest)?);
        take_vector::<1>(&mut rest)?; // compression methods
        let mut extensions = take_vector::<2>(&mut rest).unwrap_or_default();
        let (mut versions, mut renegotiation) = (None, suites.contains(&[0x00, 0xff]));
        while !extensions.is_empty() {
            let kind = take(&mut extensions, 2)?;
            let mut body = take_vector::<2>(&mut extensions)?;
            if kind == [0, 43] {
                versions = Some(pairs(take_vector::<1>(&mut body)?));
            }
            renegotiation |= kind == [0xff, 0x01];
        }
        Some(Self {
            suites,
            versions,
            legacy_version,
            renegotiation,
        })
    }

    /// The alert that this hello gets, if it cannot be answered.
    fn refusal(&self) -> Option<u8> {
        let speaks_it = self
            .versions
            .as_ref()
            .map_or(self.legacy_version >= TLS_1_1, |versions| {
                versions.contains(&TLS_1_1)
            });
        match speaks_it {
            false => Some(PROTOCOL_VERSION),
            true if !self.suites.contains(&SUITE) => Some(HANDSHAKE_FAILURE),
            true => None,
        }
    }
}

fn first_flight(certificate: &[u8], renegotiation: bool) -> Vec<u8> {
    let extensions: &[u8] = if renegotiation {
        &[0, 5, 0xff, 0x01, 0, 1, 0]
    } else {
        &[]
    };
    let hello = [&TLS_1_1[..], &[0x5a; 32], &[0], &SUITE, &[0], extensions].concat();
    let chain = vector(&vector(certificate));
    [message(2, &hello), message(11, &chain), message(14, &[])].concat()
}

/// A handshake message in a record of its own.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    record(HANDSHAKE, &[&[kind], vector(body).as_slice()].concat())
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len())
        .expect("a certificate fits into a record")
        .to_be_bytes();
    [&[kind], &TLS_1_1[..], &length, body].concat()
}

/// Bytes behind their length in three bytes.
fn vector(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len())
        .expect("a certificate is short")
        .to_be_bytes();
    [&length[1..], body].concat()
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// Takes bytes behind their length in `N` bytes.
fn take_vector<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(rest, N)?
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    take(rest, length)
}

fn pairs(bytes: &[u8]) -> Vec<[u8; 2]> {
    bytes
        .chunks_exact(2)
        .map(|pair| [pair[0], pair[1]])
        .collect()
}
