//! MySQL's packets: a three-byte length, a sequence number, a payload. Every read is bounded.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{Reason, Step};

/// The longest packet of a login that is read: greetings take 80 bytes, errors at most 512 and a little, RSA keys 451.
const LONGEST: usize = 16 * 1024;

/// A packet of this length goes on in the next one. We neither send nor read such.
pub(crate) const CONTINUED: u32 = 0xff_ffff;

/// One packet as read.
pub(crate) struct Packet {
    pub(crate) sequence: u8,
    pub(crate) payload: Vec<u8>,
}

/// An error packet (`0xff`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ErrorPacket {
    pub(crate) code: u16,
    pub(crate) text: String,
}

/// Capability flags, as in the protocol's `CLIENT_…`.
pub(crate) mod capability {
    pub(crate) const LONG_PASSWORD: u32 = 1;
    pub(crate) const PROTOCOL_41: u32 = 0x200;
    pub(crate) const SSL: u32 = 0x800;
    pub(crate) const SECURE_CONNECTION: u32 = 0x8000;
    pub(crate) const PLUGIN_AUTH: u32 = 0x8_0000;
}

/// Reads one packet of a login.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    step: Step,
) -> Result<Packet, Reason> {
    receive(stream, LONGEST).await.map_err(|e| broken(&e, step))
}

/// Sends one packet of a login.
pub(crate) async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    sequence: u8,
    payload: &[u8],
    step: Step,
) -> Result<(), Reason> {
    send(stream, sequence, payload)
        .await
        .map_err(|e| broken(&e, step))
}

/// Reads one packet of at most `longest` bytes.
pub(crate) async fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    longest: usize,
) -> io::Result<Packet> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let length = length(header);
    if length == 0 || length > longest {
        let what = format!("a packet of {length} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(Packet {
        sequence: header[3],
        payload,
    })
}

/// Sends one packet. It may hold a secret, so the copy of it is wiped.
pub(crate) async fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    sequence: u8,
    payload: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    if length >= CONTINUED {
        let what = "a packet holds at most 16 MiB";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut packet = Zeroizing::new(Vec::with_capacity(payload.len() + 4));
    packet.extend_from_slice(&length.to_le_bytes()[..3]);
    packet.push(sequence);
    packet.extend_from_slice(payload);
    stream.write_all(&packet).await?;
    stream.flush().await
}

/// COM_QUIT, then waits briefly for the server to close: a socket closed with packets on their way could reset the connection before
/// the server read the goodbye.
pub(crate) async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
) -> io::Result<()> {
    const COM_QUIT: &[u8] = &[1];
    send(stream, 0, COM_QUIT).await?;
    // Whatever happens from here on, the server knows that we are gone.
    let _ = stream.shutdown().await;
    let _ = timeout(Duration::from_millis(500), stream.read(&mut [0; 64])).await;
    Ok(())
}

pub(crate) fn length(header: [u8; 4]) -> usize {
    usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16
}

/// The fields that SSLRequest and the login share: capabilities, longest packet, character set, filler.
pub(crate) fn client_header(capabilities: u32) -> Vec<u8> {
    const UTF8MB4: u8 = 45;
    let mut payload = Vec::with_capacity(128);
    payload.extend_from_slice(&capabilities.to_le_bytes());
    payload.extend_from_slice(&(16_u32 << 20).to_le_bytes());
    payload.push(UTF8MB4);
    payload.extend_from_slice(&[0; 23]);
    payload
}

/// Reads an error packet's payload. The `#SQLSTATE` is not there when the error comes instead of a greeting.
pub(crate) fn parse_error(payload: &[u8]) -> Option<ErrorPacket> {
    let [0xff, low, high, text @ ..] = payload else {
        return None;
    };
    let text = match text {
        [b'#', _, _, _, _, _, rest @ ..] => rest,
        _ => text,
    };
    Some(ErrorPacket {
        code: u16::from_le_bytes([*low, *high]),
        text: printable(text, 512),
    })
}

/// What the loss of a connection is, seen from the step in which it happened.
pub(crate) fn broken(error: &io::Error, step: Step) -> Reason {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => Reason::Closed { step },
        _ => Reason::Malformed {
            step,
            detail: error.to_string(),
        },
    }
}

/// Bytes from outside, fit for a log, a terminal and JSON: valid UTF-8 on one line, at most `longest` characters.
pub(crate) fn printable(bytes: &[u8], longest: usize) -> String {
    // No character takes more than four bytes.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(longest * 4)]);
    text.chars()
        .take(longest)
        .map(|c| if c.is_control() { '.' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_packet_has_a_code_and_a_text() {
        let refused = parse_error(b"\xff\x10\x04Too many connections");
        assert_eq!(
            refused,
            Some(ErrorPacket {
                code: 1040,
                text: "Too many connections".to_owned()
            })
        );
        let denied = parse_error(b"\xff\x15\x04#28000Access denied for user 'x'@'y'");
        assert_eq!(
            denied,
            Some(ErrorPacket {
                code: 1045,
                text: "Access denied for user 'x'@'y'".to_owned()
            })
        );
        assert_eq!(
            parse_error(b"\xff\x15\x04"),
            Some(ErrorPacket {
                code: 1045,
                text: String::new()
            })
        );
        assert_eq!(parse_error(b"\xff\x15"), None);
        assert_eq!(parse_error(b"\x00\x15\x04"), None);
    }

    #[test]
    fn foreign_bytes_cannot_write_on_a_terminal() {
        assert_eq!(
            printable(b"a\x1b[2J\r\n\xff\xc3\xa4", 100),
            "a.[2J..\u{fffd}\u{e4}"
        );
        assert_eq!(printable(&[b'x'; 1000], 5), "xxxxx");
    }

    #[tokio::test]
    async fn a_packet_that_claims_too_much_is_not_read() {
        let bomb = [0xff_u8, 0xff, 0xff, 0];
        let error = read(&mut &bomb[..], Step::Login).await.err();
        assert_eq!(
            error,
            Some(Reason::Malformed {
                step: Step::Login,
                detail: "a packet of 16777215 bytes".to_owned()
            })
        );
    }
}
