//! The login: inside TLS where there is TLS.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::{
    Login, LoginOutcome, Reason, Step,
    greeting::Hello,
    packet::{self, ErrorPacket, capability, parse_error, printable},
};

const STEP: Step = Step::Login;

const NATIVE: &str = "mysql_native_password";
const CACHING_SHA2: &str = "caching_sha2_password";

/// What `caching_sha2_password` says inside an `AuthMoreData` packet.
const FAST_AUTH_SUCCESS: &[u8] = &[1, 3];
const FULL_AUTHENTICATION: &[u8] = &[1, 4];

/// Packets that a server may send before its verdict: a switch of the plugin and an answer of each is three.
const MOST_ROUNDS: usize = 8;

/// Logs in and says goodbye. `sequence` is the number of our next packet; `may_reveal` is asked at most once, when the server wants the
/// clear password.
pub(crate) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    sequence: u8,
    (hello, capabilities): (&Hello, u32),
    login: &Login,
    may_reveal: impl Fn() -> bool,
) -> Result<LoginOutcome, Reason> {
    let mut dialogue = Dialogue {
        login,
        plugin: hello.plugin.clone(),
        scramble: hello.scramble.clone(),
        withheld: false,
    };
    packet::write(stream, sequence, &dialogue.first(capabilities), STEP).await?;
    for _ in 0..MOST_ROUNDS {
        let packet = packet::read(stream, STEP).await?;
        match packet.payload.as_slice() {
            [0x00, ..] => return say_goodbye(stream).await,
            [0xff, ..] => return dialogue.refused(parse_error(&packet.payload)),
            FAST_AUTH_SUCCESS => {}
            more => {
                let answer = dialogue.answer(more, &may_reveal);
                packet::write(stream, packet.sequence.wrapping_add(1), &answer, STEP).await?;
            }
        }
    }
    Err(Reason::Malformed {
        step: STEP,
        detail: "the authentication does not end".to_owned(),
    })
}

/// The state of one login.
struct Dialogue<'a> {
    login: &'a Login,
    plugin: String,
    scramble: Vec<u8>,
    withheld: bool,
}

impl Dialogue<'_> {
    /// `HandshakeResponse41`. A plugin that we do not speak is answered with one that we do; the server switches if it insists.
    fn first(&mut self, capabilities: u32) -> Vec<u8> {
        if !matches!(self.plugin.as_str(), NATIVE | CACHING_SHA2) {
            self.plugin = NATIVE.to_owned();
        }
        let answer = self.scrambled();
        let mut payload = packet::client_header(capabilities);
        payload.extend_from_slice(self.login.user().as_bytes());
        payload.push(0);
        payload.push(u8::try_from(answer.len()).expect("an answer has at most 64 bytes"));
        payload.extend_from_slice(&answer);
        if capabilities & capability::PLUGIN_AUTH != 0 {
            payload.extend_from_slice(self.plugin.as_bytes());
            payload.push(0);
        }
        payload
    }

    fn answer(&mut self, packet: &[u8], may_reveal: &impl Fn() -> bool) -> Zeroizing<Vec<u8>> {
        match packet {
            // AuthSwitchRequest: the plugin's name, a zero, its challenge.
            [0xfe, request @ ..] => {
                let (name, challenge) = request.split_at(
                    request
                        .iter()
                        .position(|byte| *byte == 0)
                        .unwrap_or(request.len()),
                );
                self.plugin = printable(name, 64);
                self.scramble = challenge.iter().skip(1).take(20).copied().collect();
                Zeroizing::new(self.scrambled())
            }
            FULL_AUTHENTICATION if self.plugin == CACHING_SHA2 => self.in_clear(may_reveal()),
            _ => Zeroizing::new(wrong_answer(&self.plugin)),
        }
    }

    fn scrambled(&self) -> Vec<u8> {
        match (self.plugin.as_str(), self.login.password()) {
            (NATIVE, b"") => Vec::new(),
            (NATIVE, password) => native(password, &self.scramble),
            (CACHING_SHA2, password) if !password.is_empty() => {
                caching_sha2(password, &self.scramble)
            }
            (other, _) => wrong_answer(other),
        }
    }

    /// The password with a zero after it, for a server that may know it. To another the empty one: breaking off instead would count as a
    /// broken connection.
    fn in_clear(&mut self, reveal: bool) -> Zeroizing<Vec<u8>> {
        self.withheld = !reveal;
        let password = if reveal { self.login.password() } else { b"" };
        let mut answer = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        answer.extend_from_slice(password);
        answer.push(0);
        answer
    }

    fn refused(&self, error: Option<ErrorPacket>) -> Result<LoginOutcome, Reason> {
        let ErrorPacket { code, text } = error.ok_or_else(|| Reason::Malformed {
            step: STEP,
            detail: "an error without a code".to_owned(),
        })?;
        Ok(match self.login {
            Login::Nobody if code == 1045 => LoginOutcome::Nobody,
            Login::Account { .. } if self.withheld => LoginOutcome::Withheld,
            Login::Account { .. } if !matches!(self.plugin.as_str(), NATIVE | CACHING_SHA2) => {
                LoginOutcome::Denied {
                    code,
                    text: format!(
                        "{text} (the probe speaks {NATIVE} and {CACHING_SHA2}, the account wants {})",
                        self.plugin
                    ),
                }
            }
            _ => LoginOutcome::Denied { code, text },
        })
    }
}

/// COM_QUIT, then waits briefly for the server to close: a socket closed with packets on their way could reset the connection before
/// the server read the goodbye.
async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
) -> Result<LoginOutcome, Reason> {
    const COM_QUIT: &[u8] = &[1];
    packet::write(stream, 0, COM_QUIT, STEP).await?;
    // Whatever happens from here on, the server knows that we are gone.
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(
        std::time::Duration::from_millis(500),
        stream.read(&mut [0; 64]),
    )
    .await;
    Ok(LoginOutcome::Accepted)
}

/// An answer of the form that a plugin expects, and wrong. One of the wrong form would count as a broken handshake.
fn wrong_answer(plugin: &str) -> Vec<u8> {
    match plugin {
        NATIVE => Vec::new(),
        "client_ed25519" => vec![0; 64],
        _ => vec![0],
    }
}

/// SHA1(password) xor SHA1(challenge, SHA1(SHA1(password))).
fn native(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let once = sha1(password);
    let twice = sha1(once.as_ref());
    xor(
        once.as_ref(),
        sha1(&[challenge, twice.as_ref()].concat()).as_ref(),
    )
}

/// SHA256(password) xor SHA256(SHA256(SHA256(password)), challenge).
fn caching_sha2(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let sha256 = |bytes: &[u8]| digest(&SHA256, bytes);
    let once = sha256(password);
    let twice = sha256(once.as_ref());
    xor(
        once.as_ref(),
        sha256(&[twice.as_ref(), challenge].concat()).as_ref(),
    )
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests;
