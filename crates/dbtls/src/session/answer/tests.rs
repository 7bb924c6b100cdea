use proptest::{collection::vec, prelude::*};

use super::*;

const END: &[u8] = &[0xfe, 0, 0, 2, 0];

/// Packets of a server, numbered from 1.
fn packets(payloads: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, payload) in payloads.iter().enumerate() {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        bytes.extend_from_slice(&length[..3]);
        bytes.push(u8::try_from(index + 1).unwrap());
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// What is made of these bytes of a server.
async fn answer(bytes: &[u8]) -> Result<Rows, SqlError> {
    let mut stream = tokio::io::join(bytes, tokio::io::sink());
    ask(&mut stream, "SELECT 1").await
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

async fn breaks(payloads: &[&[u8]], how: &str) {
    let detail = format!("the server broke the MySQL protocol ({how})");
    assert_eq!(
        answer(&packets(payloads)).await,
        Err(SqlError::Io { detail })
    );
}

#[tokio::test]
async fn a_statement_goes_out_as_one_packet() {
    let answer = packets(&[&[0, 0, 0, 2, 0, 0, 0]]);
    let mut stream = tokio::io::join(&answer[..], Vec::new());
    assert_eq!(ask(&mut stream, "SET x=1").await, Ok(Rows::new()));
    assert_eq!(stream.into_inner().1, b"\x08\0\0\0\x03SET x=1");
}

#[tokio::test]
async fn rows_hold_texts_and_null() {
    let long = "x".repeat(300);
    let row = [b"\xfc\x2c\x01", long.as_bytes(), b"\xfb"].concat();
    let answer = answer(&packets(&[
        &[2],
        b"definition",
        b"definition",
        END,
        b"\x01a\x00",
        &row,
        END,
    ]))
    .await;
    assert_eq!(
        answer,
        Ok(vec![vec![text("a"), text("")], vec![text(&long), None]])
    );
}

#[tokio::test]
async fn a_refusal_has_number_state_and_words() {
    let refusal: &[u8] = b"\xff\xcb\x04#42000Access denied; you need SUPER";
    let expected = SqlError::Server {
        code: 1227,
        state: "42000".to_owned(),
        message: "Access denied; you need SUPER".to_owned(),
    };
    assert_eq!(answer(&packets(&[refusal])).await, Err(expected.clone()));
    assert_eq!(
        answer(&packets(&[&[1], b"definition", END, refusal])).await,
        Err(expected.clone()),
        "in the middle of the rows"
    );
    assert_eq!(
        expected.to_string(),
        "1227 (42000): Access denied; you need SUPER"
    );
}

#[tokio::test]
async fn what_the_protocol_does_not_say_is_refused() {
    breaks(&[b"\xfbfile"], "it asks for a file of ours").await;
    breaks(&[&[0xfe, 1]], "a result without a count of columns").await;
    breaks(&[&[0xfd, 0, 0, 1]], "a result without a count of columns").await;
    breaks(&[&[1], b"d", b"d"], "more columns than announced").await;
    breaks(&[&[1], b"d", END, b"\x05abc"], "a row cut short").await;
    breaks(&[&[1], b"d", END, b"\x01ab"], "a row cut short").await;
    breaks(
        &[&[1], b"d", END, &[0xfe, 0, 0, 10, 0]],
        "several results for one statement",
    )
    .await;
    breaks(&[&[0xff, 1]], "an error without a code").await;
    breaks(
        &[&vec![b'x'; LARGEST + 1]],
        "a packet of 4194305 bytes, of an answer of at most 4194304 bytes",
    )
    .await;
    let mut late = packets(&[&[0, 0, 0, 2, 0, 0, 0]]);
    late[3] = 2;
    assert_eq!(
        answer(&late).await.unwrap_err().to_string(),
        "the connection broke: the server broke the MySQL protocol (packets out of order)"
    );
}

#[tokio::test]
async fn a_result_has_a_largest_size() {
    let row = [&[0xfd, 0, 0, 0x10], &vec![b'x'; 1 << 20][..]].concat();
    let payloads = [&[1][..], b"d", END, &row, &row, &row, &row, END];
    let error = answer(&packets(&payloads)).await.unwrap_err().to_string();
    assert!(
        error.ends_with("of an answer of at most 4194304 bytes)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_statement_that_fits_no_packet_is_not_sent() {
    let mut stream = tokio::io::join(tokio::io::empty(), Vec::new());
    let error = ask(&mut stream, &"x".repeat(CONTINUED as usize)).await;
    let detail = "a packet holds at most 16 MiB".to_owned();
    assert_eq!(error, Err(SqlError::Io { detail }));
    assert!(stream.into_inner().1.is_empty());
}

proptest! {
    #[test]
    fn whatever_a_server_says_is_an_answer(payloads in vec(vec(any::<u8>(), 1..20), 1..6), columns in 1_u8..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let noise: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let _ = runtime.block_on(answer(&packets(&noise)));
        let definitions = vec![&b"d"[..]; usize::from(columns)];
        let count = [columns];
        let head = [&[&count[..]][..], &definitions, &[END]].concat();
        let _ = runtime.block_on(answer(&packets(&[&head[..], &noise, &[END]].concat())));
    }
}
