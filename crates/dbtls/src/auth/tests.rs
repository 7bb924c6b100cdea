use tokio::{io::DuplexStream, task::JoinHandle};

use super::*;
use crate::{Flavor, Greeting, Password, packet::Packet};

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
const DENIED: &[u8] = b"\xff\x15\x04#28000Access denied";
const QUIT: &[u8] = &[1];

const CHALLENGE: &[u8] = b"abcdefghijklmnopqrst";

// `secret` over that challenge, computed by another implementation of the documented formulas.
const NATIVE_ANSWER: &str = "8817c50fa779daef010ee7577825b0847df9842e";
const SHA2_ANSWER: &str = "c76e2898612a4cf042c77fa8c4702c4c64c0c2c557c53c4d75595aaa6abae809";

/// The server's end of a login, driven step by step.
struct Peer {
    stream: DuplexStream,
    login: JoinHandle<Result<LoginOutcome, Reason>>,
}

impl Peer {
    /// A server whose greeting named `plugin`.
    fn of(plugin: &str, login: Login, may_reveal: bool) -> Self {
        let reveal = match may_reveal {
            true => Reveal::Clear,
            false => Reveal::Hashed,
        };
        Self::on(plugin, login, reveal)
    }

    /// The same where so much of the password may be revealed.
    fn on(plugin: &str, login: Login, reveal: Reveal) -> Self {
        let (mut ours, stream) = tokio::io::duplex(4096);
        let hello = Hello {
            greeting: Greeting {
                flavor: Flavor::MySql,
                server_version: "9.7.4".to_owned(),
            },
            capabilities: 0xdfff_ffff,
            connection: 1,
            scramble: CHALLENGE.to_vec(),
            plugin: plugin.to_owned(),
        };
        let login = tokio::spawn(async move {
            log_in(
                &mut ours,
                2,
                (&hello, capability::PLUGIN_AUTH),
                &login,
                reveal,
            )
            .await
        });
        Self { stream, login }
    }

    async fn reads(&mut self) -> Packet {
        packet::read(&mut self.stream, STEP).await.unwrap()
    }

    /// Reads the login and answers its fields from the user name on.
    async fn reads_login(&mut self) -> Vec<u8> {
        let login = self.reads().await;
        assert_eq!(login.sequence, 2);
        login.payload[32..].to_vec()
    }

    async fn sends(&mut self, sequence: u8, payload: &[u8]) {
        packet::write(&mut self.stream, sequence, payload, STEP)
            .await
            .unwrap();
    }

    /// Hangs up and answers what the login made of it.
    async fn outcome(self) -> Result<LoginOutcome, Reason> {
        drop(self.stream);
        self.login.await.unwrap()
    }
}

fn account() -> Login {
    Login::Account {
        user: "probe".to_owned(),
        password: Password::new("secret".to_owned()),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[tokio::test]
async fn nobody_reads_1045() {
    let mut peer = Peer::of(NATIVE, Login::Nobody, false);
    assert_eq!(
        peer.reads_login().await,
        b"signet-probe-nobody\0\0mysql_native_password\0"
    );
    peer.sends(3, DENIED).await;
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Nobody));
}

#[tokio::test]
async fn nobody_follows_a_decoy_plugin() {
    let mut peer = Peer::of(CACHING_SHA2, Login::Nobody, false);
    assert_eq!(
        peer.reads_login().await,
        b"signet-probe-nobody\0\x01\0caching_sha2_password\0"
    );
    peer.sends(3, b"\xfesha256_password\0ABCDEFGHIJKLMNOPQRST\0")
        .await;
    let answer = peer.reads().await;
    assert_eq!((answer.sequence, answer.payload), (4, vec![0]));
    peer.sends(5, DENIED).await;
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Nobody));
}

#[tokio::test]
async fn a_native_password_account_logs_in_and_says_goodbye() {
    let mut peer = Peer::of(NATIVE, account(), false);
    assert_eq!(
        peer.reads_login().await,
        [
            b"probe\0\x14",
            &unhex(NATIVE_ANSWER)[..],
            b"mysql_native_password\0"
        ]
        .concat()
    );
    peer.sends(3, OK).await;
    let goodbye = peer.reads().await;
    assert_eq!((goodbye.sequence, goodbye.payload.as_slice()), (0, QUIT));
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Accepted));
}

#[tokio::test]
async fn a_server_switches_the_plugin_and_its_challenge() {
    let mut peer = Peer::of(CACHING_SHA2, account(), false);
    peer.reads_login().await;
    peer.sends(3, b"\xfemysql_native_password\0ABCDEFGHIJKLMNOPQRST\0")
        .await;
    assert_eq!(
        peer.reads().await.payload,
        unhex("28441590674285e7d03cae7af237504797f70e91")
    );
    peer.sends(5, OK).await;
    assert_eq!(peer.reads().await.payload, QUIT);
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Accepted));
}

#[tokio::test]
async fn the_fast_path_of_caching_sha2_needs_no_clear_password() {
    let mut peer = Peer::of(CACHING_SHA2, account(), false);
    assert_eq!(
        peer.reads_login().await,
        [
            b"probe\0\x20",
            &unhex(SHA2_ANSWER)[..],
            b"caching_sha2_password\0"
        ]
        .concat()
    );
    peer.sends(3, FAST_AUTH_SUCCESS).await;
    peer.sends(4, OK).await;
    assert_eq!(peer.reads().await.payload, QUIT);
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Accepted));
}

#[tokio::test]
async fn full_authentication_reveals_the_password_to_a_trusted_server() {
    let mut peer = Peer::of(CACHING_SHA2, account(), true);
    peer.reads_login().await;
    peer.sends(3, FULL_AUTHENTICATION).await;
    assert_eq!(peer.reads().await.payload, b"secret\0");
    peer.sends(5, OK).await;
    assert_eq!(peer.reads().await.payload, QUIT);
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Accepted));
}

#[tokio::test]
async fn full_authentication_gets_a_wrong_answer_from_us_if_the_server_is_not_trusted() {
    let mut peer = Peer::of(CACHING_SHA2, account(), false);
    peer.reads_login().await;
    peer.sends(3, FULL_AUTHENTICATION).await;
    assert_eq!(peer.reads().await.payload, b"\0");
    peer.sends(5, DENIED).await;
    assert_eq!(peer.outcome().await, Ok(LoginOutcome::Withheld));
}

#[tokio::test]
async fn a_server_that_asks_for_the_clear_password_by_plugin_does_not_get_it() {
    for plugin in ["mysql_clear_password", "dialog", "sha256_password"] {
        let mut peer = Peer::of(NATIVE, account(), true);
        peer.reads_login().await;
        peer.sends(3, &[&[0xfe], plugin.as_bytes(), &[0]].concat())
            .await;
        assert_eq!(peer.reads().await.payload, b"\0", "{plugin}");
        peer.sends(5, DENIED).await;
        let text = format!(
            "Access denied (the probe speaks mysql_native_password and caching_sha2_password, the account wants {plugin})"
        );
        assert_eq!(
            peer.outcome().await,
            Ok(LoginOutcome::Denied { code: 1045, text })
        );
    }
}

#[tokio::test]
async fn an_ed25519_account_gets_a_wrong_answer_of_the_right_form() {
    let mut peer = Peer::of(NATIVE, account(), true);
    peer.reads_login().await;
    peer.sends(3, b"\xfeclient_ed25519\0ABCDEFGHIJKLMNOPQRSTUVWXYZ012345")
        .await;
    assert_eq!(peer.reads().await.payload, [0; 64]);
    peer.sends(5, DENIED).await;
    let text = "Access denied (the probe speaks mysql_native_password and caching_sha2_password, the account wants client_ed25519)".to_owned();
    assert_eq!(
        peer.outcome().await,
        Ok(LoginOutcome::Denied { code: 1045, text })
    );
}

#[tokio::test]
async fn a_server_that_never_comes_to_a_verdict_is_left() {
    let mut peer = Peer::of(NATIVE, account(), true);
    peer.reads_login().await;
    for round in 0..MOST_ROUNDS {
        peer.sends(3, b"\xfemysql_native_password\0ABCDEFGHIJKLMNOPQRST\0")
            .await;
        assert_eq!(peer.reads().await.payload.len(), 20, "round {round}");
    }
    let detail = "the authentication does not end".to_owned();
    assert_eq!(
        peer.outcome().await,
        Err(Reason::Malformed { step: STEP, detail })
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_as_that() {
    let mut peer = Peer::of(NATIVE, account(), true);
    peer.reads_login().await;
    assert_eq!(peer.outcome().await, Err(Reason::Closed { step: STEP }));
}
