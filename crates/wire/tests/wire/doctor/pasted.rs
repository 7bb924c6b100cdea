//! What people paste.

use http::Method;
use wire::SecretKey;
use wire::doctor::{Body, Deviation, Pasted, Question, Unreadable, Verdict, diagnose};

use super::{diagnosis_with, pasted};
use crate::received::{Received, testdata};
use crate::signer::signed;

/// Method, host, path, query, headers in their order, body.
fn read(text: &str) -> (Method, String, String, String, Vec<String>, String) {
    let pasted = Pasted::read(text.as_bytes()).unwrap();
    let headers = pasted.headers.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let headers = headers.collect();
    let Body::Whole(body) = pasted.body else {
        panic!("what was pasted is there")
    };
    let body = String::from_utf8(body).unwrap();
    (
        pasted.method,
        pasted.host,
        pasted.path,
        pasted.query,
        headers,
        body,
    )
}

fn expected(
    method: Method,
    path: &str,
    query: &str,
    headers: &[&str],
    body: &str,
) -> (Method, String, String, String, Vec<String>, String) {
    let headers = headers.iter().map(|header| (*header).to_owned()).collect();
    (
        method,
        "cdb.example:8080".into(),
        path.into(),
        query.into(),
        headers,
        body.into(),
    )
}

#[test]
fn a_request_may_have_line_ends_of_either_kind_and_headers_in_any_case() {
    let headers = ["host: cdb.example:8080", "x-tc-action: DescribeSSLStatus"];
    let text = "POST / HTTP/1.1\r\nHOST: cdb.example:8080\r\nX-Tc-Action:DescribeSSLStatus\r\n\r\n{\r\n}\r\n";
    assert_eq!(
        read(text),
        expected(Method::POST, "/", "", &headers, "{\r\n}\r\n")
    );
    let text = "\n\nPOST /\nhost: cdb.example:8080  \nx-tc-action: DescribeSSLStatus\n\n{\n}";
    assert_eq!(
        read(text),
        expected(Method::POST, "/", "", &headers, "{\n}")
    );
}

#[test]
fn without_a_request_line_a_body_makes_a_post() {
    let headers = ["host: cdb.example:8080"];
    assert_eq!(
        read("Host: cdb.example:8080\n\n{}"),
        expected(Method::POST, "", "", &headers, "{}")
    );
    assert_eq!(
        read("Host: cdb.example:8080"),
        expected(Method::GET, "", "", &headers, "")
    );
}

#[test]
fn a_whole_url_has_host_path_and_query() {
    let url = "http://cdb.example:8080/some/path?Limit=1&Name=a+b#part";
    let of =
        |headers: &[&str]| expected(Method::GET, "/some/path", "Limit=1&Name=a+b", headers, "");
    assert_eq!(
        read(&format!("GET {url} HTTP/1.1\nAccept: */*\n")),
        of(&["accept: */*"])
    );
    assert_eq!(read(url), of(&[]));
    // The header is what is signed.
    let text = format!(
        "GET {} HTTP/1.1\nHost: cdb.example:8080",
        url.replace("8080", "1")
    );
    assert_eq!(read(&text), of(&["host: cdb.example:8080"]));
}

#[test]
fn what_curl_prints_is_read() {
    let sent = "* Connected to 127.0.0.1 port 8080\n> POST /?a=b HTTP/1.1\r\n> Host: cdb.example:8080\r\n> Content-Length: 10\r\n> \r\n";
    let talk = "} [10 bytes data]\n* upload completely sent off: 10 bytes\n";
    let answer =
        "< HTTP/1.1 200 OK\r\n< Server: x\r\n< \r\n{ [9 bytes data]\n* Connection #0 left intact\n";
    let headers = ["host: cdb.example:8080", "content-length: 10"];
    let of = |body: &str| expected(Method::POST, "/", "a=b", &headers, body);
    // The body where it belongs, with or without the answer; or behind all the rest.
    let body = "{ \"a\": 1 }";
    assert_eq!(read(&format!("{sent}{talk}{body}\n")), of(body));
    assert_eq!(
        read(&format!(
            "{sent}{body}\n{talk}{answer}{{\"Response\":{{}}}}\n"
        )),
        of(body)
    );
    assert_eq!(read(&format!("{sent}{talk}{answer}{body}\n")), of(body));
    assert_eq!(
        read(&format!("{sent}{talk}{answer}{{\"Response\":{{}}}}\n")),
        of("")
    );
}

#[test]
fn line_ends_beyond_the_content_length_are_the_editors() {
    let body = |text: &str| read(text).5;
    assert_eq!(body("Host: h\nContent-Length: 2\n\n{}\r\n\n"), "{}");
    assert_eq!(body("Host: h\n\n{}\n"), "{}\n");
    assert_eq!(body("Host: h\nContent-Length: 1\n\n{}\n"), "{}\n");
    assert_eq!(body("Host: h\nContent-Length: 9\n\n{}\n"), "{}\n");
}

#[test]
fn what_is_missing_is_named() {
    let cases: [(&[u8], Unreadable, &str); 4] = [
        (
            b" \r\n\n",
            Unreadable::Empty,
            "there is no request: paste its headers, a blank line, and its body",
        ),
        (
            b"Host: h\n\xff: x",
            Unreadable::NotText(2),
            "line 2 of the headers is not UTF-8",
        ),
        (
            b"\nPOST / HTTP/1.1\nHost: h\n{\"a b\": 1}",
            Unreadable::NotAHeader {
                line: 4,
                text: "{\"a b\": 1}".to_owned(),
            },
            "line 4 is no header like `Name: value`: `{\"a b\": 1}`. A blank line must stand between the headers and the body",
        ),
        (
            b"POST / HTTP/1.1\nAccept: */*\n\n{}",
            Unreadable::NoHost,
            "there is no `Host` header: it is signed, so it must be here",
        ),
    ];
    for (text, error, message) in cases {
        let found = Pasted::read(text).err();
        assert_eq!(found.as_ref(), Some(&error));
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn captures_of_the_official_clients_are_right_as_they_are() {
    let mut count = 0;
    for file in std::fs::read_dir(testdata("captures")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let received = Received::from_bytes(&bytes);
        let found = diagnose(&Question {
            request: &Pasted::read(&bytes).unwrap(),
            secret_id: "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE",
            secret_key: &SecretKey::new("EXAMPLEKEYEXAMPLEKEYEXAMPLEKEYEX"),
            now: received.parsed(|envelope| envelope.timestamp),
            canonical_request: None,
            string_to_sign: None,
        });
        let expected = match name {
            _ if name.contains("skipsign") => (Verdict::Unsigned, vec![]),
            _ if name.starts_with("node_") && !name.contains("hmac") => {
                (Verdict::Right, vec![Deviation::HostWithoutPort])
            }
            _ if name.contains("underscore") => (Verdict::Right, vec![Deviation::DottedNames]),
            _ => (Verdict::Right, vec![]),
        };
        assert_eq!((found.verdict, found.deviations), expected, "{name}");
        count += 1;
    }
    assert_eq!(count, 56);
}

#[test]
fn a_pasted_request_is_diagnosed_like_the_one_that_was_sent() {
    let received = signed();
    let mut text = "POST / HTTP/1.1\r\n".to_owned();
    for (name, value) in &received.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let text = format!("{text}\r\n{}", String::from_utf8_lossy(&received.body));
    let found = diagnosis_with(&Pasted::read(text.as_bytes()).unwrap(), [None, None]);
    assert_eq!(found.verdict, Verdict::Right);
    assert_eq!(found, diagnosis_with(&pasted(&received), [None, None]));
}
