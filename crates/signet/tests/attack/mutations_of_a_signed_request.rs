//! A valid signed request is changed in every way that the wire allows: none that changes what it means is accepted.
//!
//! Each mutation is made of a request of its own, which makes a key: so none is taken for another one sent again, and what was
//! accepted is counted in the list of keys.

use std::net::SocketAddr;

use serde_json::json;
use server::api::action::Product::Signet;

use crate::signing::{ROOT, Request, exchange, response, v1_get};
use crate::support::{Connection, Place};

const BODY: &str = r#"{"Access":"ReadOnly","Note":"mutation"}"#;
const NAMES: [&str; 3] = ["X-TC-Action", "X-TC-Version", "X-Signet-Nonce"];

/// A changed request.
struct Mutation {
    name: String,
    /// It means the same as before, so it may be accepted.
    is_harmless: bool,
    bytes: Vec<u8>,
}

struct Mutations {
    address: SocketAddr,
    all: Vec<Mutation>,
}

impl Mutations {
    /// A valid request that no other mutation has.
    fn valid(&self) -> Request {
        let nonce = format!("{:08}", self.all.len());
        Request::post(self.address, Signet, "CreateAccessKey", BODY)
            .with("X-Signet-Nonce", &nonce)
            .with("Connection", "close")
            .signed_for(ROOT, "signet", &NAMES)
    }

    fn push(&mut self, name: impl Into<String>, is_harmless: bool, bytes: Vec<u8>) {
        let name = name.into();
        self.all.push(Mutation {
            name,
            is_harmless,
            bytes,
        });
    }

    /// The valid request changed as a structure.
    fn add(&mut self, name: impl Into<String>, change: impl FnOnce(Request) -> Request) {
        let bytes = change(self.valid()).bytes();
        self.push(name, false, bytes);
    }

    fn add_harmless(&mut self, name: impl Into<String>, change: impl FnOnce(Request) -> Request) {
        let bytes = change(self.valid()).bytes();
        self.push(name, true, bytes);
    }

    /// The valid request changed as text.
    fn add_text(&mut self, name: impl Into<String>, from: &str, to: &str) {
        let text = String::from_utf8(self.valid().bytes()).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        self.push(name, false, text.replacen(from, to, 1).into_bytes());
    }

    fn headers(&mut self) {
        let names = [
            "Host",
            "Content-Type",
            "X-TC-Action",
            "X-TC-Version",
            "X-Signet-Nonce",
            "X-TC-Timestamp",
            "Authorization",
        ];
        for name in names {
            self.add(format!("{name} is removed"), |r| r.without(name));
            self.add(format!("{name} is empty"), |r| r.with(name, ""));
            for (what, place) in [("before", 0), ("after", usize::MAX)] {
                self.add(format!("another {name} {what}"), |r| {
                    inserted(r, place, name, "1")
                });
                self.add(format!("{name} twice, {what}"), |r| {
                    let value = r.header(name).to_owned();
                    inserted(r, place, name, &value)
                });
                self.add(format!("{name} under another spelling {what}"), |r| {
                    inserted(r, place, &name.to_ascii_lowercase(), "1")
                });
            }
            for (what, around) in [
                ("x before", ["x", ""]),
                ("x after", ["", "x"]),
                ("comma after", ["", ",x"]),
            ] {
                self.add(format!("{name}: {what}"), |r| {
                    let value = format!("{}{}{}", around[0], r.header(name), around[1]);
                    r.with(name, &value)
                });
            }
            self.add_text(
                format!("{name} with a space before the colon"),
                &format!("\r\n{name}:"),
                &format!("\r\n{name} :"),
            );
            self.add_text(
                format!("{name} with an underscore"),
                &format!("\r\n{name}:"),
                &format!("\r\nX_{name}:"),
            );
            self.add_text(
                format!("{name} with a byte of nothing"),
                &format!("\r\n{name}: "),
                &format!("\r\n{name}: \0"),
            );
            self.add_text(
                format!("{name} folded"),
                &format!("\r\n{name}: "),
                &format!("\r\n{name}:\r\n x "),
            );
            let length = self.valid().header(name).len();
            for at in 0..length {
                self.add(format!("{name}: byte {at}"), |r| {
                    let value = flipped(r.header(name), at);
                    r.with(name, &value)
                });
            }
        }
    }

    fn body(&mut self) {
        for at in 0..BODY.len() {
            self.add(format!("body: byte {at}"), |mut r| {
                r.body = flipped(BODY, at).into_bytes();
                r
            });
        }
        for (name, body) in [
            ("none", String::new()),
            ("cut", BODY[..BODY.len() - 1].to_owned()),
            ("longer", format!("{BODY} ")),
            ("with a byte order mark", format!("\u{feff}{BODY}")),
            ("with more access", BODY.replace("ReadOnly", "Full")),
            ("twice", BODY.repeat(2)),
        ] {
            self.add(format!("body: {name}"), |mut r| {
                r.body = body.into_bytes();
                r
            });
        }
    }

    fn request_line(&mut self) {
        for method in [
            "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "post", "POSTX",
        ] {
            self.add(format!("method {method}"), |mut r| {
                method.clone_into(&mut r.method);
                r
            });
        }
        for target in [
            "/?a=b",
            "/?Access=Full",
            "/?&",
            "//",
            "/x",
            "/%2f",
            "/.",
            "/console",
            "*",
        ] {
            self.add(format!("target {target}"), |mut r| {
                target.clone_into(&mut r.target);
                r
            });
        }
        self.add_text("HTTP/0.9", " HTTP/1.1", "");
        self.add_text("HTTP/2.0", " HTTP/1.1", " HTTP/2.0");
        self.add_text("two targets", "POST / ", "POST / / ");
    }

    fn signed_headers(&mut self) {
        let all = "content-type;host;x-signet-nonce;x-tc-action;x-tc-version";
        for name in all.split(';') {
            let less: Vec<_> = all.split(';').filter(|other| *other != name).collect();
            self.signing(&format!("without {name}"), all, &less.join(";"));
            self.signing(&format!("{name} twice"), all, &format!("{all};{name}"));
            self.signing(
                &format!("{name} in capitals"),
                all,
                &all.replace(name, &name.to_ascii_uppercase()),
            );
        }
        let turned: Vec<_> = all.split(';').rev().collect();
        self.signing("turned around", all, &turned.join(";"));
        self.signing("with one more", all, &format!("{all};x-tc-timestamp"));
        self.signing("of SDKs", all, "content-type;host");
        self.signing("none", all, "");
    }

    fn signing(&mut self, name: &str, from: &str, to: &str) {
        self.add(format!("signed headers: {name}"), |r| {
            let header = r.header("Authorization").replace(from, to);
            r.with("Authorization", &header)
        });
    }

    fn further_headers(&mut self) {
        for (name, value) in [
            ("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD"),
            ("X-TC-Token", "token"),
            ("X-TC-Region", "nowhere"),
            ("Transfer-Encoding", "chunked"),
            ("Transfer-Encoding", "xchunked"),
            ("Transfer-Encoding", "chunked, chunked"),
            ("Transfer-Encoding", "chunked, identity"),
            ("Content-Length", "0"),
            ("Content-Length", "1"),
            ("Content-Length", "+39"),
            ("Content-Length", "0x27"),
            ("Content-Length", "-1"),
            ("Content-Length", "18446744073709551616"),
        ] {
            self.add(format!("{name}: {value} added"), |r| {
                inserted(r, 0, name, value)
            });
        }
    }

    fn framing(&mut self) {
        let length = format!("Content-Length: {}", BODY.len());
        for other in [0, 1, BODY.len() - 1] {
            self.add_text(
                format!("length {other}"),
                &length,
                &format!("Content-Length: {other}"),
            );
        }
        self.add_text(
            "a list of lengths",
            &length,
            &format!("Content-Length: {}, 0", BODY.len()),
        );
        self.add_text("no length", &format!("{length}\r\n"), "");
        self.add_text(
            "another request in the body",
            BODY,
            &"GET / HTTP/1.1\r\nHost: a\r\n\r\n0123456789012"[..BODY.len()],
        );
        let chunked = |chunks: &str| format!("Transfer-Encoding: chunked\r\n\r\n{chunks}");
        let all = format!("{length}\r\n\r\n{BODY}");
        for (name, chunks) in [
            (
                "another body",
                format!(
                    "27\r\n{}\r\n0\r\n\r\n",
                    BODY.replace("mutation", "mutatioN")
                ),
            ),
            (
                "a chunk too much",
                format!("27\r\n{BODY}\r\n1\r\n \r\n0\r\n\r\n"),
            ),
            ("a size with a sign", format!("+27\r\n{BODY}\r\n0\r\n\r\n")),
            ("a size that is none", format!("zz\r\n{BODY}\r\n0\r\n\r\n")),
            (
                "a huge size",
                format!("ffffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"),
            ),
        ] {
            self.add_text(format!("chunks: {name}"), &all, &chunked(&chunks));
        }
    }

    /// Version 1, where everything is in the query string.
    fn v1(&mut self) {
        let length = self.v1_valid().target.len();
        for at in 2..length {
            let mut request = self.v1_valid();
            if at < request.target.len() {
                request.target = flipped(&request.target, at);
                self.push(format!("v1: byte {at}"), false, request.bytes());
            }
        }
        for at in 0..9 {
            let mut request = self.v1_valid();
            let place = request
                .target
                .match_indices('&')
                .nth(at)
                .map(|(place, _)| place)
                .unwrap();
            request.target.replace_range(place..=place, "%26");
            self.push(
                format!("v1: the border {at} encoded"),
                false,
                request.bytes(),
            );
        }
        for (from, to) in [
            ("Access=ReadOnly", "Access=Full"),
            ("&Note=mutation", ""),
            ("&Note=mutation", "&Note=mutation&Note=x"),
            ("GET", "POST"),
        ] {
            let text = String::from_utf8(self.v1_valid().bytes()).unwrap();
            self.push(
                format!("v1: {from} is {to}"),
                false,
                text.replacen(from, to, 1).into_bytes(),
            );
        }
    }

    fn v1_valid(&self) -> Request {
        let nonce = (10_000_000 + self.all.len()).to_string();
        let parameters = [
            ("Action", "CreateAccessKey"),
            ("Version", Signet.version()),
            ("Access", "ReadOnly"),
            ("Note", "mutation"),
            ("Language", "en-US"),
            ("RequestClient", &nonce),
        ];
        v1_get(self.address, ROOT, &self.address.to_string(), &parameters)
    }

    /// What proxies and clients do on the way, and what changes nothing.
    fn harmless(&mut self) {
        self.add_harmless("nothing", |r| r);
        self.add_harmless("headers in another order", |mut r| {
            r.headers.reverse();
            r
        });
        self.add_harmless("names in lower case", |mut r| {
            for (name, _) in &mut r.headers {
                name.make_ascii_lowercase();
            }
            r
        });
        for (name, value) in [
            ("X-TC-Language", "zh-CN"),
            ("X-Forwarded-Host", "a"),
            ("X-Http-Method-Override", "GET"),
            ("Accept", "text/html"),
        ] {
            self.add_harmless(format!("{name} added"), |r| r.with(name, value));
        }
        self.add_harmless("spaces around a value", |r| {
            let value = format!("  {} ", r.header("X-TC-Action"));
            r.with("X-TC-Action", &value)
        });
        let bytes = self.v1_valid().bytes();
        self.push("v1: nothing", true, bytes);
    }
}

fn inserted(mut request: Request, place: usize, name: &str, value: &str) -> Request {
    let place = place.min(request.headers.len());
    request
        .headers
        .insert(place, (name.to_owned(), value.to_owned()));
    request
}

/// Another printable character, never the same letter in the other case.
fn flipped(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = match bytes[at] {
        b'z' => b'a',
        b'Z' => b'A',
        b'9' => b'0',
        byte if byte.is_ascii_alphanumeric() => byte + 1,
        _ => b'x',
    };
    String::from_utf8(bytes).unwrap()
}

#[test]
fn none_that_changes_anything_is_accepted() {
    let place = Place::new();
    let served = place.serve();
    let address = served.address();
    let mut mutations = Mutations {
        address,
        all: Vec::new(),
    };
    mutations.headers();
    mutations.body();
    mutations.request_line();
    mutations.signed_headers();
    mutations.further_headers();
    mutations.framing();
    mutations.v1();
    let changed = mutations.all.len();
    mutations.harmless();
    let mut wrong = Vec::new();
    let mut accepted = 0;
    for mutation in &mutations.all {
        let answer = response(&exchange(address, &mutation.bytes));
        let is_accepted = answer["SecretId"].is_string();
        accepted += usize::from(is_accepted);
        if is_accepted != mutation.is_harmless {
            wrong.push(format!("{}: {answer}", mutation.name));
        }
    }
    assert!(wrong.is_empty(), "of {changed}: {wrong:#?}");
    assert!(changed >= 421, "{changed}");
    let mut connection = Connection::open(address).unwrap();
    let keys = connection.call("ListAccessKeys", &json!({})).unwrap();
    assert_eq!(keys["TotalCount"], 1 + accepted);
}
