use dbtls::{Login, Password, recorded};

const PASSWORD: &str = "a-password-that-is-not-in-any-input";

/// The first packet of a server.
pub(crate) fn greeting(data: &[u8]) {
    match recorded::greeting(data) {
        Ok(greeting) => {
            assert!(is_printable(&greeting.server_version));
            let _ = greeting.version();
        }
        Err(reason) => assert!(is_printable(&reason.to_string())),
    }
}

/// The first handshake messages of a server whose TLS is 1.2 or older.
pub(crate) fn old_tls(data: &[u8]) {
    if let Ok(Some(tls)) = recorded::first_flight(data) {
        assert!(!tls.signature_checked);
        let size: usize = tls.chain.iter().map(Vec::len).sum();
        assert!(size <= data.len());
    }
}

/// A login: the greeting after two bytes of its length, then packets. The password in clear is never sent, for nobody verified the server.
pub(crate) fn login(data: &[u8]) {
    let Some(([high, low], rest)) = data.split_first_chunk() else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (greeting, packets) = rest.split_at(length.min(rest.len()));
    let account = Login::Account {
        user: "probe".to_owned(),
        password: Password::new(PASSWORD.to_owned()),
    };
    for (login, by_key) in [(&account, false), (&account, true), (&Login::Nobody, false)] {
        let (outcome, sent) = recorded::login(greeting, packets, login, by_key);
        if let Err(reason) = outcome {
            assert!(is_printable(&reason.to_string()));
        }
        let mut sent = sent.windows(PASSWORD.len());
        assert!(!sent.any(|window| window == PASSWORD.as_bytes()));
    }
}

/// The packets of an answer to a SQL statement. What is kept of them is not more than was sent.
pub(crate) fn sql_answer(data: &[u8]) {
    let Ok(rows) = recorded::answer(data) else {
        return;
    };
    // A byte that is no UTF-8 becomes a character of three.
    let size: usize = rows.iter().flatten().flatten().map(String::len).sum();
    assert!(size <= 3 * data.len());
}

/// Fit for one line of a log and a terminal.
fn is_printable(text: &str) -> bool {
    !text.contains(char::is_control)
}
