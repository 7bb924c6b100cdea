//! What holds for every request, not only for those in the other tests.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Map, Value};
use wire::doctor::{Pasted, Question, Verdict, diagnose};
use wire::parameters::dotted;
use wire::{Proof, SecretId, SecretKey, tc3, v1};

use crate::received::{Received, verify};

/// Text as clients may put it into parameters.
fn name() -> impl Strategy<Value = String> {
    "[A-Z][A-Za-z]{0,8}"
}

/// Leaves that survive being made text: no nulls, no empty lists, no empty objects.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = any::<String>().prop_map(Value::from);
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 1..4)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

fn parameters() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(name(), tree(), 0..6).prop_map(Map::from_iter)
}

proptest! {
    #[test]
    fn what_is_flattened_is_rebuilt(map in parameters()) {
        prop_assert_eq!(dotted::rebuild(&dotted::flatten(&map)), Ok(map));
    }

    #[test]
    fn what_is_signed_with_tc3_verifies(
        key in "[ -~]{1,64}", host in "[a-zA-Z.]{1,20}(:[0-9]{1,5})?", service in "[a-z0-9:]{1,12}",
        query in "[!-~]{0,80}", body in any::<Vec<u8>>(), timestamp in 0_i64..200_000_000_000,
    ) {
        let signed = sign_tc3(&key, &host, &service, &query, &body, timestamp);
        prop_assert!(signed.parsed(|envelope| verify(envelope, &key)));
        let changed = signed.clone().body([&body[..], b"x"].concat());
        prop_assert!(!changed.parsed(|envelope| verify(envelope, &key)));
        prop_assert!(!signed.parsed(|envelope| verify(envelope, &[&key[..], "x"].concat())));
    }

    #[test]
    fn what_is_signed_with_v1_verifies_and_reads_back(key in "[ -~]{1,64}", map in parameters(), get in any::<bool>(), sha256 in any::<bool>()) {
        let method = if get { Method::GET } else { Method::POST };
        let mut pairs = vec![
            ("Action".to_owned(), "A".to_owned()),
            ("Nonce".to_owned(), "1".to_owned()),
            ("SecretId".to_owned(), "AKID".to_owned()),
            ("SignatureMethod".to_owned(), if sha256 { "HmacSHA256" } else { "HmacSHA1" }.to_owned()),
            ("Timestamp".to_owned(), "1".to_owned()),
            ("Version".to_owned(), "2017-03-20".to_owned()),
        ];
        // Names of business parameters start with `P`, so that none is one of the protocol's.
        let map: Map<String, Value> = map.into_iter().map(|(name, value)| (format!("P{name}"), value)).collect();
        pairs.extend(dotted::flatten(&map));
        let text = v1::sign(&SecretKey::new(key.as_str()), &method, "h:1", &pairs);
        let received = Received::new(method, "h:1");
        let received = if get {
            Received { query: text, ..received }
        } else {
            received.with("Content-Type", "application/x-www-form-urlencoded").body(text)
        };
        prop_assert!(received.parsed(|envelope| verify(envelope, &key)));
        prop_assert!(!received.parsed(|envelope| verify(envelope, &[&key[..], "x"].concat())));
        prop_assert_eq!(received.parameters().map(|parameters| parameters.map), Ok(map));
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        get in any::<bool>(), query in any::<String>(), body in any::<Vec<u8>>(), host in any::<String>(),
        content_type in prop_oneof![
            Just("application/json".to_owned()), Just("application/x-www-form-urlencoded".to_owned()),
            Just("multipart/form-data; boundary=b".to_owned()), "[ -~]{0,40}",
        ],
        authorization in prop_oneof![
            Just("SKIP".to_owned()), "[ -~]{0,80}",
            "TC3-HMAC-SHA256 Credential=[a-z/-]{0,40}, SignedHeaders=[a-z;-]{0,30}, Signature=[0-9a-f]{60,66}",
        ],
        headers in prop::collection::vec(("(X-TC-)?[A-Za-z-]{1,12}", any::<Vec<u8>>()), 0..6),
    ) {
        let received = anything(get, &query, &body, &host, &[&content_type, &authorization], &headers);
        let _ = wire::language(&received.request());
        if let Ok(envelope) = wire::parse(&received.request()) {
            let _ = (envelope.parameters(), envelope.check_time(0), verify(&envelope, "K"));
            match &envelope.proof {
                Proof::Tc3(proof) => drop((proof.canonical_request(), proof.string_to_sign())),
                Proof::V1(proof) => drop(proof.string_to_sign()),
                Proof::Skip => {}
            }
        }
    }

    #[test]
    fn arbitrary_multipart_never_panics(body in "(--b|\r\n|Content-Disposition: form-data; name=\"a\"|\"|\\\\|;|=|[ -~]){0,40}", disposition in any::<String>()) {
        let received = crate::signer::signed().instead("Content-Type", "multipart/form-data; boundary=b");
        for body in [body, format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b--")] {
            let received = received.clone().body(body);
            let _ = received.parameters();
        }
    }
}

fn sign_tc3(
    key: &str,
    host: &str,
    service: &str,
    query: &str,
    body: &[u8],
    timestamp: i64,
) -> Received {
    let request = tc3::Unsigned {
        method: &Method::POST,
        host,
        content_type: "application/json",
        query,
        body,
        service,
        timestamp,
        headers: &[],
    };
    let authorization = tc3::authorization(
        &SecretId::new("AKID").unwrap(),
        &SecretKey::new(key),
        &request,
    );
    Received::new(Method::POST, host)
        .query(query)
        .with("Authorization", &authorization)
        .with("Content-Type", "application/json")
        .with("X-TC-Action", "A")
        .with("X-TC-Version", "2017-03-20")
        .with("X-TC-Timestamp", &timestamp.to_string())
        .body(body)
}

/// A request of arbitrary parts; a header that HTTP itself does not allow is left out.
fn anything(
    get: bool,
    query: &str,
    body: &[u8],
    host: &str,
    texts: &[&str; 2],
    extra: &[(String, Vec<u8>)],
) -> Received {
    let mut headers = HeaderMap::new();
    for (name, value) in ["Content-Type", "Authorization"].iter().zip(texts) {
        headers.extend(
            HeaderValue::from_str(value)
                .ok()
                .map(|value| (name.parse::<HeaderName>().unwrap(), value)),
        );
    }
    for name in ["X-TC-Action", "X-TC-Version", "X-TC-Timestamp"] {
        headers.insert(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_static("1"),
        );
    }
    for (name, value) in extra {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    let method = if get { Method::GET } else { Method::POST };
    Received {
        method,
        host: host.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.to_vec(),
    }
}

proptest! {
    // A diagnosis of what fits nothing makes hundreds of signatures.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_is_pasted_is_diagnosed(
        authorization in "TC3-HMAC-SHA256 Credential=[ -~]{1,9}/[0-9-]{1,10}/[a-z:]{1,5}/tc3_request, SignedHeaders=[a-z;-]{1,20}, Signature=[ -~]{1,64}",
        timestamp in "[0-9]{0,20}", query in "[ -~]{0,30}", body in any::<Vec<u8>>(), own in any::<String>(),
    ) {
        let head = format!("POST /?{query} HTTP/1.1\nHost: h:1\nX-TC-Timestamp: {timestamp}\nAuthorization: {authorization}\n\n");
        let key = SecretKey::new("EXAMPLEKEY");
        let question = |request| Question {
            request,
            secret_id: "AKIDEXAMPLE",
            secret_key: &key,
            now: 1_700_000_000,
            canonical_request: Some(&own),
            string_to_sign: Some(&own),
        };
        let tc3 = Pasted::read(&[head.as_bytes(), &body].concat()).unwrap();
        prop_assert_ne!(diagnose(&question(&tc3)).verdict, Verdict::Right);
        let v1 = format!("GET /?{query}&SecretId=a&Signature=b&Timestamp={timestamp} HTTP/1.1\nHost: h:1");
        let v1 = Pasted::read(v1.as_bytes()).unwrap();
        prop_assert_ne!(diagnose(&question(&v1)).verdict, Verdict::Right);
    }

    #[test]
    fn any_bytes_are_a_request_or_not(bytes in any::<Vec<u8>>()) {
        if let Ok(pasted) = Pasted::read(&bytes) {
            prop_assert!(!pasted.headers.is_empty() || !pasted.host.is_empty());
        }
    }
}
