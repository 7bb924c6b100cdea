use ureq::http::Method;
use wire::tc3::{Unsigned, authorization};
use wire::{SecretId, SecretKey};

use crate::support::{Place, SECRET_ID, SECRET_KEY};

const BODY: &str = r#"{"InstanceId":"cdb-orders01"}"#;

/// A place with the key, and nothing else: no service is asked.
fn place() -> Place {
    let mut place = Place::new();
    place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
    place.set("TENCENTCLOUD_SECRET_KEY", SECRET_KEY);
    place
}

const RIGHT: &str = "0ce0bb18d6ff2fb3f4dc09a906fe17747c1012ac2897e7249bedaa10eea12912";

/// A request for the time 1700000000 with this signature.
fn request(signature: &str) -> String {
    let header = header(signature);
    format!(
        "POST / HTTP/1.1\nHost: 127.0.0.1:7780\nContent-Type: application/json\nX-TC-Action: DescribeSSLStatus\n\
         X-TC-Version: 2017-03-20\nX-TC-Timestamp: 1700000000\nAuthorization: {header}\n\n{BODY}"
    )
}

fn header(signature: &str) -> String {
    format!(
        "TC3-HMAC-SHA256 Credential={SECRET_ID}/2023-11-14/cdb/tc3_request, SignedHeaders=content-type;host, Signature={signature}"
    )
}

/// What is shown of every request above its signature.
fn first_steps(signature: &str) -> String {
    format!(
        "\
fits     authorization       {}
fits     algorithm           TC3-HMAC-SHA256
fits     secret-id           AKIDtest
fits     timestamp           1700000000
fits     date                2023-11-14
fits     service             cdb
fits     signed-headers      content-type;host
",
        header(signature)
    )
}

const TEXTS: &str = "         canonical-request   POST
                             /

                             content-type:application/json
                             host:127.0.0.1:7780

                             content-type;host
                             61de844a4acc0c829370a6d83da5107f7eeeb80fcb9d22794fe0fcfceacfca75
         string-to-sign      TC3-HMAC-SHA256
                             1700000000
                             2023-11-14/cdb/tc3_request
                             89c1d0c2bb20e614fb432cf9267cf105c2b141866f8567f481e4a3726aeeb27c
";
const KEYS: &str = "         date-key            7404…
         service-key         602c…
         signing-key         731f…
";
const REFUSED: &str = "The service answers AuthFailure.SignatureFailure: The provided credentials could not be validated. \
                       Please check your signature is correct.";

/// The signature that our own signer makes with this key, or over this body.
fn signed(key: &str, body: &str) -> String {
    let header = authorization(
        &SecretId::new(SECRET_ID).unwrap(),
        &SecretKey::new(key),
        &Unsigned {
            method: &Method::POST,
            host: "127.0.0.1:7780",
            content_type: "application/json",
            query: "",
            body: body.as_bytes(),
            service: "cdb",
            timestamp: 1_700_000_000,
            headers: &[],
        },
    );
    header.rsplit_once('=').unwrap().1.to_owned()
}

#[test]
fn a_right_signature_is_shown_step_by_step() {
    assert_eq!(signed(SECRET_KEY, BODY), RIGHT);
    let done = place().run_words(&["doctor", "-", "--at", "1700000000"], &request(RIGHT));
    let steps = first_steps(RIGHT);
    done.prints(&format!(
        "{steps}{TEXTS}fits     signature           {RIGHT}\n{KEYS}\nThe signature is right."
    ));
}

#[test]
fn a_wrong_signature_is_explained() {
    let place = place();
    let cases = [
        (
            signed(&format!("{SECRET_KEY}\n"), BODY),
            "The signature is wrong, and this is how it was made:\n\
             - There is white space or a line end around the SecretKey: strip it where you read the key.",
        ),
        (
            signed(SECRET_KEY, r#"{"InstanceId": "cdb-orders01"}"#),
            "The signature is wrong, and this is how it was made:\n\
             - The body was hashed as the same JSON written in another way: serialise once, and hash and send those bytes.",
        ),
        (
            signed("another key", BODY),
            "None of the known mistakes makes this signature: most likely the SecretKey is another one.",
        ),
    ];
    for (signature, verdict) in cases {
        let file = place.write("request.txt", &request(&signature));
        let done = place
            .run(&format!("doctor {file} --at 1700000000"))
            .ends_with(1);
        let steps = first_steps(&signature);
        assert_eq!(
            done.out,
            format!(
                "{steps}{TEXTS}differs  signature           {signature}\n         expected            {RIGHT}\n{KEYS}\n{verdict}\n{REFUSED}\n"
            )
        );
        assert_eq!(done.err, "");
    }
}

#[test]
fn the_clients_own_texts_are_compared_line_by_line() {
    let place = place();
    let request = place.write("request.txt", &request(RIGHT));
    let canonical = "POST\n/\n\ncontent-type:application/json \nhost:127.0.0.1:7780\n\ncontent-type;host\n\
                     61de844a4acc0c829370a6d83da5107f7eeeb80fcb9d22794fe0fcfceacfca75\n";
    let canonical = place.write("canonical.txt", canonical);
    let line = format!("doctor {request} --at 1700000000 --canonical-request {canonical}");
    let done = place.run(&line).ends_with(0);
    let shown = "
         line 4              content-type:application/json·
         expected            content-type:application/json
";
    assert!(
        done.out.contains("\ndiffers  canonical-request   POST\n"),
        "{}",
        done.out
    );
    assert!(done.out.contains(shown), "{}", done.out);
}

#[test]
fn a_timestamp_that_is_off_is_told_beside_a_right_signature() {
    let done = place().run_words(&["doctor", "-", "--at", "1700000301"], &request(RIGHT));
    let done = done.ends_with(0);
    let shown =
        "\ndiffers  timestamp           1700000000\n         expected            1700000301\n";
    assert!(done.out.contains(shown), "{}", done.out);
    let (_, end) = done.out.split_once("The signature is right.\n").unwrap();
    assert!(
        end.starts_with("The service answers AuthFailure.SignatureExpire: "),
        "{end}"
    );
}

#[test]
fn no_secret_is_shown() {
    let done = place().run_words(&["doctor", "-"], &request(&signed("another key", BODY)));
    let done = done.ends_with(1);
    assert!(!done.out.contains(SECRET_KEY) && !done.out.contains("another key"));
}

#[test]
fn what_is_no_request_is_told() {
    let mut place = place();
    place.run_words(&["doctor", "-"], "").fails(
        1,
        "error: -: there is no request: paste its headers, a blank line, and its body",
    );
    place.run("doctor no-such-file").fails(
        1,
        "error: no-such-file: No such file or directory (os error 2)",
    );
    place.set("TENCENTCLOUD_SECRET_KEY", "");
    place.run("doctor -").fails(
        1,
        "error: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY together",
    );
}
