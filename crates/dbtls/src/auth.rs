//! The login: inside TLS where there is TLS.

mod exchange;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use crate::{
    Login, LoginOutcome, Reason, Step,
    greeting::Hello,
    packet::{self, ErrorPacket, broken, capability, parse_error, printable},
};

const STEP: Step = Step::Login;

const NATIVE: &str = "mysql_native_password";
const CACHING_SHA2: &str = "caching_sha2_password";

/// The user of the Unix socket's other end, as the kernel tells it: both vendors' name for it on the wire.
const AUTH_SOCKET: &str = "auth_socket";

/// What `caching_sha2_password` says inside an `AuthMoreData` packet.
const FAST_AUTH_SUCCESS: &[u8] = &[1, 3];
const FULL_AUTHENTICATION: &[u8] = &[1, 4];

/// Packets that a server may send before its verdict: a switch of the plugin and an answer of each is three, the RSA key a fourth.
const MOST_ROUNDS: usize = 8;

/// How a server that wants the password itself may get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reveal {
    /// As it is.
    Clear,
    /// Encrypted with the key that the server shows.
    ByKey,
    /// Not at all, but as any hash that it asks for: nobody else can read it.
    Hashed,
    /// Not at all, and not by `mysql_native_password` either: from that answer and the server's table the password's equivalent follows, and it
    /// is found by trying passwords at the speed of SHA-1.
    Nothing,
}

/// What a server makes of a login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Denied {
        code: u16,
        text: String,
        /// What the account wants and we do not speak.
        plugin: Option<String>,
    },
    /// It wanted the password and did not get it.
    Withheld,
}

/// A probe's login: says goodbye at once. `sequence` is the number of our next packet.
pub(crate) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    sequence: u8,
    to: (&Hello, u32),
    login: &Login,
    reveal: Reveal,
) -> Result<LoginOutcome, Reason> {
    Ok(
        match authenticate(stream, sequence, to, login, reveal).await? {
            Verdict::Accepted => {
                let goodbye = packet::say_goodbye(stream).await;
                goodbye.map_err(|e| broken(&e, STEP))?;
                LoginOutcome::Accepted
            }
            Verdict::Denied { code: 1045, .. } if matches!(login, Login::Nobody) => {
                LoginOutcome::Nobody
            }
            Verdict::Denied { code, text, plugin } => LoginOutcome::Denied {
                code,
                text: match plugin {
                    Some(plugin) => format!(
                        "{text} (the probe speaks {NATIVE} and {CACHING_SHA2}, the account wants {plugin})"
                    ),
                    None => text,
                },
            },
            Verdict::Withheld => LoginOutcome::Withheld,
        },
    )
}

/// Logs in. `sequence` is the number of our next packet.
pub(crate) async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    sequence: u8,
    (hello, capabilities): (&Hello, u32),
    login: &Login,
    reveal: Reveal,
) -> Result<Verdict, Reason> {
    let mut dialogue = Dialogue {
        login,
        reveal,
        plugin: hello.plugin.clone(),
        scramble: hello.scramble.clone(),
        withheld: false,
        awaits_key: false,
    };
    packet::write(stream, sequence, &dialogue.first(capabilities), STEP).await?;
    for _ in 0..MOST_ROUNDS {
        let packet = packet::read(stream, STEP).await?;
        match packet.payload.as_slice() {
            [0x00, ..] => return Ok(Verdict::Accepted),
            [0xff, ..] => return dialogue.refused(parse_error(&packet.payload)),
            FAST_AUTH_SUCCESS => {}
            more => {
                let answer = dialogue.answer(more)?;
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
    reveal: Reveal,
    plugin: String,
    scramble: Vec<u8>,
    withheld: bool,
    awaits_key: bool,
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

    fn answer(&mut self, packet: &[u8]) -> Result<Zeroizing<Vec<u8>>, Reason> {
        let answer = match packet {
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
                self.withheld = false;
                self.scrambled()
            }
            FULL_AUTHENTICATION if self.plugin == CACHING_SHA2 => return Ok(self.full()),
            [1, key @ ..] if self.awaits_key => {
                exchange::encrypt(self.login.password(), &self.scramble, key)?
            }
            _ => wrong_answer(&self.plugin),
        };
        Ok(Zeroizing::new(answer))
    }

    fn scrambled(&mut self) -> Vec<u8> {
        match (self.plugin.as_str(), self.login.password()) {
            (NATIVE, b"") => Vec::new(),
            (NATIVE, _) if self.reveal == Reveal::Nothing => {
                self.withheld = true;
                wrong_answer(NATIVE)
            }
            (NATIVE, password) => native(password, &self.scramble),
            (CACHING_SHA2, password) if !password.is_empty() => {
                caching_sha2(password, &self.scramble)
            }
            (other, _) => wrong_answer(other),
        }
    }

    /// The password with a zero after it, for a server that may know it. To another the empty one: breaking off instead would count as a
    /// broken connection.
    fn full(&mut self) -> Zeroizing<Vec<u8>> {
        let password = match self.reveal {
            Reveal::Clear => self.login.password(),
            Reveal::ByKey => {
                self.awaits_key = true;
                return Zeroizing::new(exchange::REQUEST.to_vec());
            }
            Reveal::Hashed | Reveal::Nothing => {
                self.withheld = true;
                b""
            }
        };
        let mut answer = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        answer.extend_from_slice(password);
        answer.push(0);
        answer
    }

    fn refused(&self, error: Option<ErrorPacket>) -> Result<Verdict, Reason> {
        let ErrorPacket { code, text } = error.ok_or_else(|| Reason::Malformed {
            step: STEP,
            detail: "an error without a code".to_owned(),
        })?;
        let is_account = matches!(self.login, Login::Account { .. });
        if is_account && self.withheld {
            return Ok(Verdict::Withheld);
        }
        let spoken = matches!(self.plugin.as_str(), NATIVE | CACHING_SHA2 | AUTH_SOCKET);
        let plugin = (is_account && !spoken).then(|| self.plugin.clone());
        Ok(Verdict::Denied { code, text, plugin })
    }
}

/// An answer of the form that a plugin expects, and wrong; `auth_socket` expects none. One of the wrong form would count as a broken handshake.
fn wrong_answer(plugin: &str) -> Vec<u8> {
    match plugin {
        NATIVE | AUTH_SOCKET => Vec::new(),
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
