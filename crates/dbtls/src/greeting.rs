//! The first packet of a MySQL server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Duration, Instant, timeout, timeout_at},
};

use crate::{
    Reason, Step,
    packet::{broken, capability, length, parse_error, printable},
};

/// The longest first packet that is taken for MySQL's: greetings are about 80 bytes, errors at most 512 and a little.
const LONGEST: usize = 4 * 1024;

/// How a server introduces itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Which of the two it is.
    pub flavor: Flavor,
    /// Its version as it names it, without the `5.5.5-` that MariaDB up to 10.x puts before it.
    pub server_version: String,
}

impl Greeting {
    /// The three numbers that the version begins with; `None` if it begins with something else.
    pub fn version(&self) -> Option<(u16, u16, u16)> {
        let mut numbers = self.server_version.splitn(3, '.');
        let (major, minor, rest) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let patch = rest[..digits].parse().ok()?;
        Some((major.parse().ok()?, minor.parse().ok()?, patch))
    }
}

/// Which family a server belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Flavor {
    /// MySQL and what is derived from it.
    #[serde(rename = "MySQL")]
    MySql,
    /// MariaDB.
    #[serde(rename = "MariaDB")]
    MariaDb,
}

impl Flavor {
    /// `MySQL` or `MariaDB`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }
}

/// A greeting with what the rest of the conversation needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) greeting: Greeting,
    pub(crate) capabilities: u32,
    /// Counts connections since the server started.
    pub(crate) connection: u32,
    /// The challenge of the login: 20 bytes, or 8 of an ancient server.
    pub(crate) scramble: Vec<u8>,
    pub(crate) plugin: String,
}

impl Hello {
    pub(crate) fn offers_tls(&self) -> bool {
        self.capabilities & capability::SSL != 0
    }
}

/// Reads the greeting, until `by`. What comes instead of one is told in words.
pub(crate) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    by: Instant,
) -> Result<Hello, Reason> {
    const STEP: Step = Step::Greeting;
    let mut header = [0; 4];
    let first = timeout_at(by, stream.read(&mut header))
        .await
        .map_err(|_| Reason::Silent)?;
    let got = first.map_err(|e| broken(&e, STEP))?;
    if got == 0 {
        return Err(Reason::Closed { step: STEP });
    }
    let rest = async {
        stream
            .read_exact(&mut header[got..])
            .await
            .map_err(|_| not_mysql(&header[..got]))?;
        let length = length(header);
        if header[3] != 0 || length == 0 || length > LONGEST {
            return Err(look_closer(stream, header).await);
        }
        let mut payload = vec![0; length];
        stream
            .read_exact(&mut payload)
            .await
            .map_err(|e| broken(&e, STEP))?;
        parse(&payload)
    };
    timeout_at(by, rest)
        .await
        .map_err(|_| Reason::TimedOut { step: STEP })?
}

/// Reads the payload of a first packet.
pub(crate) fn parse(payload: &[u8]) -> Result<Hello, Reason> {
    if let Some(error) = parse_error(payload) {
        return Err(match (error.code, error.text) {
            (1040, text) => Reason::TooManyConnections { text },
            (1129, text) => Reason::Blocked { text },
            (1130, text) => Reason::NotAllowed { text },
            (code, text) => Reason::RefusedByServer { code, text },
        });
    }
    // An X protocol notice: frame type 11, server hello.
    if payload.starts_with(&[0x0b, 0x08, 0x05]) {
        return Err(Reason::XProtocol);
    }
    parse_v10(payload).ok_or_else(|| not_mysql(payload))
}

/// Protocol 10, `HandshakeV10` in MySQL's documentation.
fn parse_v10(payload: &[u8]) -> Option<Hello> {
    let rest = payload.strip_prefix(&[10])?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (version, rest) = (&rest[..end], &rest[end + 1..]);
    let (connection, rest) = rest.split_first_chunk::<4>()?;
    let (scramble, rest) = rest.split_first_chunk::<8>()?;
    let (low, rest) = rest.get(1..)?.split_first_chunk::<2>()?;
    let mut hello = Hello {
        greeting: Greeting {
            flavor: Flavor::MySql,
            server_version: String::new(),
        },
        capabilities: u32::from(u16::from_le_bytes(*low)),
        connection: u32::from_le_bytes(*connection),
        scramble: scramble.to_vec(),
        plugin: String::new(),
    };
    // A character set and a status come before the upper half; a server of before 4.1 ends here.
    if let Some((high, rest)) = rest.get(3..).and_then(|rest| rest.split_first_chunk::<2>()) {
        hello.capabilities |= u32::from(u16::from_le_bytes(*high)) << 16;
        second_half(&mut hello, rest);
    }
    introduce(&mut hello, version);
    Some(hello)
}

/// The length of the challenge, ten reserved bytes, the rest of the challenge with a zero after it, the plugin's name.
fn second_half(hello: &mut Hello, rest: &[u8]) {
    let Some((length, rest)) = rest.split_first() else {
        return;
    };
    let Some(rest) = rest.get(10..) else { return };
    let more = usize::from(*length)
        .saturating_sub(8)
        .max(13)
        .min(rest.len());
    let (challenge, plugin) = rest.split_at(more);
    hello.scramble.extend(challenge.iter().take(12));
    let name = plugin.split(|byte| *byte == 0).next().unwrap_or_default();
    hello.plugin = printable(name, 64);
}

/// MariaDB never sets the first capability, since 10.2; `5.5.5-` stands before its version up to 10.x, for the sake of old
/// replicas. The version's text alone tells less: it can be configured.
fn introduce(hello: &mut Hello, version: &[u8]) {
    let version = printable(version, 128);
    let mariadb =
        hello.capabilities & capability::LONG_PASSWORD == 0 || version.contains("MariaDB");
    let bare = version.strip_prefix("5.5.5-").filter(|_| mariadb);
    hello.greeting.server_version = bare.unwrap_or(&version).to_owned();
    hello.greeting.flavor = if mariadb {
        Flavor::MariaDb
    } else {
        Flavor::MySql
    };
}

/// Whatever speaks first and is not MySQL tells more in its first line: waits for it briefly.
async fn look_closer<S: AsyncRead + Unpin>(stream: &mut S, header: [u8; 4]) -> Reason {
    let mut line = [0; 64];
    let more = match timeout(Duration::from_millis(100), stream.read(&mut line)).await {
        Ok(Ok(more)) => more,
        _ => 0,
    };
    not_mysql(&[&header[..], &line[..more]].concat())
}

fn not_mysql(bytes: &[u8]) -> Reason {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Reason::NotMySql {
        saw: printable(line, 60).trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A greeting as real servers send it, field by field.
    fn greeting(version: &str, capabilities: u32, reserved: [u8; 10], plugin: &str) -> Vec<u8> {
        let mut bytes = vec![10];
        bytes.extend_from_slice(version.as_bytes());
        bytes.extend_from_slice(b"\0\x2a\0\0\0abcdefgh\0");
        bytes.extend_from_slice(&capabilities.to_le_bytes()[..2]);
        bytes.extend_from_slice(&[45, 2, 0]);
        bytes.extend_from_slice(&capabilities.to_le_bytes()[2..]);
        bytes.push(21);
        bytes.extend_from_slice(&reserved);
        bytes.extend_from_slice(b"ijklmnopqrst\0");
        bytes.extend_from_slice(plugin.as_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn mysql_9_with_tls() {
        let hello = parse(&greeting(
            "9.7.4-2",
            0xdfff_ffff,
            [0; 10],
            "caching_sha2_password",
        ))
        .unwrap();
        assert!(hello.offers_tls());
        assert_eq!(
            hello,
            Hello {
                greeting: Greeting {
                    flavor: Flavor::MySql,
                    server_version: "9.7.4-2".to_owned()
                },
                capabilities: 0xdfff_ffff,
                connection: 42,
                scramble: b"abcdefghijklmnopqrst".to_vec(),
                plugin: "caching_sha2_password".to_owned(),
            }
        );
    }

    #[test]
    fn mysql_9_without_tls() {
        assert!(
            !parse(&greeting(
                "9.7.4-2",
                0x9fff_f7ff,
                [0; 10],
                "caching_sha2_password"
            ))
            .unwrap()
            .offers_tls()
        );
    }

    #[test]
    fn mariadb_is_known_by_its_capabilities_with_and_without_the_old_prefix() {
        for (version, capabilities, extended, bare, tls) in [
            (
                "5.5.5-10.5.23-MariaDB-0+deb11u1",
                0x81ff_f7fe,
                0x0f,
                "10.5.23-MariaDB-0+deb11u1",
                false,
            ),
            (
                "5.5.5-10.11.19-MariaDB-0+deb12u1",
                0x81ff_f7fe,
                0x1d,
                "10.11.19-MariaDB-0+deb12u1",
                false,
            ),
            (
                "11.8.9-MariaDB-0+deb13u1 from Debian",
                0x81ff_fffe,
                0x3d,
                "11.8.9-MariaDB-0+deb13u1 from Debian",
                true,
            ),
            ("5.5.5-10.6.1-log", 0x81ff_fffe, 0x0f, "10.6.1-log", true),
        ] {
            let mut reserved = [0; 10];
            reserved[6] = extended;
            let hello = parse(&greeting(
                version,
                capabilities,
                reserved,
                "mysql_native_password",
            ))
            .unwrap();
            assert_eq!(
                hello.greeting,
                Greeting {
                    flavor: Flavor::MariaDb,
                    server_version: bare.to_owned()
                }
            );
            assert_eq!(hello.offers_tls(), tls, "{version}");
            assert_eq!(hello.plugin, "mysql_native_password");
        }
    }

    #[test]
    fn a_mysql_that_calls_itself_5_5_5_keeps_its_version() {
        let hello = parse(&greeting(
            "5.5.5-m3",
            0x807f_f7ff,
            [0; 10],
            "mysql_native_password",
        ))
        .unwrap();
        assert_eq!(
            hello.greeting,
            Greeting {
                flavor: Flavor::MySql,
                server_version: "5.5.5-m3".to_owned()
            }
        );
    }

    #[test]
    fn a_version_begins_with_three_numbers() {
        for (text, version) in [
            ("9.7.4-2", Some((9, 7, 4))),
            ("8.0.16", Some((8, 0, 16))),
            ("10.11.19-MariaDB-0+deb12u1", Some((10, 11, 19))),
            ("8.0", None),
            ("8.0.x", None),
            ("five", None),
            ("", None),
        ] {
            let greeting = Greeting {
                flavor: Flavor::MySql,
                server_version: text.to_owned(),
            };
            assert_eq!(greeting.version(), version, "{text}");
        }
    }

    #[test]
    fn refusals_come_instead_of_a_greeting() {
        let refusal = |code: u16, text: &str| {
            parse(&[&[0xff], &code.to_le_bytes()[..], text.as_bytes()].concat()).unwrap_err()
        };
        assert_eq!(
            refusal(1040, "Too many connections"),
            Reason::TooManyConnections {
                text: "Too many connections".to_owned()
            }
        );
        assert_eq!(
            refusal(1129, "Host 'x' is blocked"),
            Reason::Blocked {
                text: "Host 'x' is blocked".to_owned()
            }
        );
        assert_eq!(
            refusal(1130, "Host 'x' is not allowed"),
            Reason::NotAllowed {
                text: "Host 'x' is not allowed".to_owned()
            }
        );
        assert_eq!(
            refusal(1053, "Server shutdown in progress"),
            Reason::RefusedByServer {
                code: 1053,
                text: "Server shutdown in progress".to_owned()
            }
        );
    }

    #[test]
    fn the_x_protocol_is_told_by_name() {
        assert_eq!(
            parse(&[0x0b, 0x08, 0x05, 0x1a, 0x00]),
            Err(Reason::XProtocol)
        );
    }

    #[test]
    fn a_greeting_cut_short_is_not_mysql() {
        let whole = greeting("9.7.4-2", 0xdfff_ffff, [0; 10], "caching_sha2_password");
        for length in 0..24 {
            assert!(
                matches!(parse(&whole[..length]), Err(Reason::NotMySql { .. })),
                "{length} bytes"
            );
        }
    }
}
