//! One statement and its answer, in the text protocol of `COM_QUERY`.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::{Rows, SqlError};
use crate::packet::{self, CONTINUED, parse_error, printable};

/// The largest result that is read, with 24 bytes more for each value: this is for administration, not for data.
const LARGEST: usize = 4 << 20;

/// MySQL's own limit of columns.
const MOST_COLUMNS: u64 = 4096;

/// Status flag: another result follows.
const MORE_RESULTS: u8 = 8;

/// Sends a statement and reads its whole answer.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    sql: &str,
) -> Result<Rows, SqlError> {
    const COM_QUERY: u8 = 3;
    let mut payload = Zeroizing::new(Vec::with_capacity(sql.len() + 1));
    payload.push(COM_QUERY);
    payload.extend_from_slice(sql.as_bytes());
    packet::send(stream, 0, &payload)
        .await
        .map_err(|e| lost(&e))?;
    let mut answer = Answer {
        stream,
        sequence: 1,
        left: LARGEST,
    };
    let first = answer.next().await?;
    match first.as_slice() {
        [0x00, ..] => Ok(Rows::new()),
        [0xfb, ..] => Err(broken("it asks for a file of ours")),
        head => {
            let Some(columns @ 1..=MOST_COLUMNS) = integer(&mut &*head) else {
                return Err(broken("a result without a count of columns"));
            };
            answer
                .rows(usize::try_from(columns).unwrap_or_default())
                .await
        }
    }
}

/// The packets of one answer.
struct Answer<'a, S> {
    stream: &'a mut S,
    sequence: u8,
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Answer<'_, S> {
    /// The next packet; an error packet is the server's refusal.
    async fn next(&mut self) -> Result<Vec<u8>, SqlError> {
        let longest = self.left.min(CONTINUED as usize - 1);
        let packet = packet::receive(self.stream, longest).await;
        let packet = packet.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                broken(&format!("{error}, of an answer of at most {LARGEST} bytes"))
            }
            _ => lost(&error),
        })?;
        if packet.sequence != self.sequence {
            return Err(broken("packets out of order"));
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.left -= packet.payload.len();
        match packet.payload.first() {
            Some(0xff) => Err(refused(&packet.payload)),
            _ => Ok(packet.payload),
        }
    }

    /// Definitions of the columns, an end, rows, an end.
    async fn rows(&mut self, columns: usize) -> Result<Rows, SqlError> {
        for _ in 0..columns {
            self.next().await?;
        }
        if !is_end(&self.next().await?)? {
            return Err(broken("more columns than announced"));
        }
        let mut rows = Rows::new();
        loop {
            let packet = self.next().await?;
            if is_end(&packet)? {
                return Ok(rows);
            }
            self.left = self.left.saturating_sub(columns * 24);
            rows.push(row(&packet, columns).ok_or_else(|| broken("a row cut short"))?);
        }
    }
}

/// An EOF packet. A row could begin with the same byte, for a value of 16 MiB and more, and would be longer.
fn is_end(packet: &[u8]) -> Result<bool, SqlError> {
    match packet {
        [0xfe, _, _, status, ..] if packet.len() < 9 && status & MORE_RESULTS != 0 => {
            Err(broken("several results for one statement"))
        }
        [0xfe, ..] => Ok(packet.len() < 9),
        _ => Ok(false),
    }
}

fn row(mut packet: &[u8], columns: usize) -> Option<Vec<Option<String>>> {
    let mut values = Vec::with_capacity(columns);
    for _ in 0..columns {
        if let Some(rest) = packet.strip_prefix(&[0xfb]) {
            packet = rest;
            values.push(None);
            continue;
        }
        let length = usize::try_from(integer(&mut packet)?).ok()?;
        let (value, rest) = packet.split_at_checked(length)?;
        packet = rest;
        values.push(Some(String::from_utf8_lossy(value).into_owned()));
    }
    packet.is_empty().then_some(values)
}

/// Takes a length-encoded integer off the front.
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let width = match first {
        0..=0xfa => {
            *bytes = rest;
            return Some(u64::from(*first));
        }
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => return None,
    };
    let (little, rest) = rest.split_at_checked(width)?;
    *bytes = rest;
    Some(
        little
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

fn refused(payload: &[u8]) -> SqlError {
    let Some(error) = parse_error(payload) else {
        return broken("an error without a code");
    };
    let state = match payload {
        [_, _, _, b'#', state @ ..] => printable(&state[..state.len().min(5)], 5),
        _ => "HY000".to_owned(),
    };
    SqlError::Server {
        code: error.code,
        state,
        message: error.text,
    }
}

fn lost(error: &io::Error) -> SqlError {
    SqlError::Io {
        detail: error.to_string(),
    }
}

fn broken(detail: &str) -> SqlError {
    SqlError::Io {
        detail: format!("the server broke the MySQL protocol ({detail})"),
    }
}

#[cfg(test)]
mod tests;
