use super::*;

/// A handshake message: kind, length, body.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &prefixed(body)[..]].concat()
}

/// A ServerHello of TLS 1.1 that chose `c013`, with a session id of four bytes.
fn server_hello_11() -> Vec<u8> {
    message(
        2,
        &[&[3, 2], &[7; 32][..], &[4, 1, 2, 3, 4], &[0xc0, 0x13], &[0]].concat(),
    )
}

fn certificate(chain: &[&[u8]]) -> Vec<u8> {
    let entries: Vec<u8> = chain
        .iter()
        .flat_map(|der| [&[0], &prefixed(der)[..]].concat())
        .collect();
    message(11, &[&[0], &prefixed(&entries)[..]].concat())
}

fn tls_11(chain: &[&[u8]]) -> Tls {
    Tls {
        version: "TLSv1.1".to_owned(),
        cipher: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".to_owned(),
        chain: chain.iter().map(|der| der.to_vec()).collect(),
        signature_checked: false,
    }
}

#[test]
fn version_cipher_and_chain_come_in_clear() {
    let handshake = [server_hello_11(), certificate(&[b"leaf", b"intermediate"])].concat();
    assert_eq!(
        parse(&handshake),
        Ok(Some(tls_11(&[b"leaf", b"intermediate"])))
    );
}

#[test]
fn messages_may_come_in_pieces() {
    let handshake = [server_hello_11(), certificate(&[b"leaf"])].concat();
    for length in 0..handshake.len() {
        assert_eq!(parse(&handshake[..length]), Ok(None), "{length} bytes");
    }
}

#[test]
fn a_server_without_certificates_is_on_all_the_same() {
    let key_exchange = message(12, b"anything");
    assert_eq!(
        parse(&[server_hello_11(), key_exchange].concat()),
        Ok(Some(tls_11(&[])))
    );
}

#[test]
fn broken_messages_are_told_apart() {
    for (handshake, detail) in [
        (
            certificate(&[b"leaf"]),
            "it does not begin with a ServerHello",
        ),
        (message(2, &[3, 2, 7]), "its ServerHello is broken"),
        (
            [server_hello_11(), message(11, &[0, 0, 9, 0])].concat(),
            "its Certificate is broken",
        ),
        (vec![2, 0xff, 0xff, 0xff], "a message is too long"),
    ] {
        assert_eq!(parse(&handshake), Err(failed(detail)));
    }
}

#[tokio::test]
async fn an_alert_is_a_refusal() {
    let (mut ours, mut theirs) = tokio::io::duplex(4096);
    theirs.write_all(&[21, 3, 1, 0, 2, 2, 70]).await.unwrap();
    let detail = "the server refuses every version and cipher, alert 70".to_owned();
    assert_eq!(
        read(&mut ours, [0; 32]).await,
        Err(Reason::HandshakeFailed { detail })
    );
}

#[test]
fn our_hello_says_its_own_lengths() {
    let hello = client_hello([9; 32]);
    assert_eq!(hello[..3], [22, 3, 1]);
    assert_eq!(
        usize::from(u16::from_be_bytes([hello[3], hello[4]])),
        hello.len() - 5
    );
    assert_eq!(
        usize::from(u16::from_be_bytes([hello[7], hello[8]])),
        hello.len() - 9
    );
    assert_eq!(hello[9..11], [3, 3], "asks for at most TLS 1.2");
}
