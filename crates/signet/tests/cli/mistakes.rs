use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use lab::pki::{Authority, Leaf};
use serde_json::json;

use crate::support::{Place, SECRET_ID, SECRET_KEY};

/// An address at which nobody listens.
fn nowhere() -> String {
    format!("http://{}", lab::nobody())
}

#[test]
fn each_wrong_key_has_its_own_answer() {
    let (mut place, _serving) = Place::with_service();
    place.set("TENCENTCLOUD_SECRET_KEY", "a-wrong-key");
    let refused = place.run("status cdb-orders01").ends_with(1);
    assert!(
        refused.err.starts_with("AuthFailure.SignatureFailure: "),
        "{}",
        refused.err
    );
    assert!(
        refused.err.ends_with("RequestId: REQUEST\n"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("a-wrong-key"));

    place.set("TENCENTCLOUD_SECRET_ID", "AKIDnobody");
    let refused = place.run("status cdb-orders01").ends_with(1);
    assert!(
        refused.err.starts_with("AuthFailure.SecretIdNotFound: "),
        "{}",
        refused.err
    );
}

#[test]
fn an_unknown_name_is_told_with_the_code_of_the_vendor() {
    let (place, _serving) = Place::with_service();
    place.run("status cdb-nobody00").fails(
        1,
        "ResourceNotFound.InstanceNotFoundError: The instance `cdb-nobody00` does not exist.\nRequestId: REQUEST",
    );
    // Whatever the format, a refusal stands on standard error.
    place.run("status cdbrg-nobody00 --format json").fails(
        1,
        "InternalError.DBRecordNotExistError: The RO group `cdbrg-nobody00` does not exist.\nRequestId: REQUEST",
    );
}

#[test]
fn a_service_that_is_down_is_named_and_how_to_name_another() {
    let mut place = Place::new();
    let endpoint = nowhere();
    place.set("SIGNET_ENDPOINT", &endpoint);
    place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
    place.set("TENCENTCLOUD_SECRET_KEY", SECRET_KEY);
    place.run("status cdb-orders01").fails(
        1,
        &format!(
            "error: nothing listens at {endpoint}: start it with `signet serve`, or set SIGNET_ENDPOINT to where it is"
        ),
    );
}

#[test]
fn an_endpoint_that_is_no_signet_is_told() {
    let mut place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream
            .write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
            )
            .unwrap();
    });
    place.set("SIGNET_ENDPOINT", &endpoint);
    place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
    place.set("TENCENTCLOUD_SECRET_KEY", SECRET_KEY);
    place.run("key list").fails(
        1,
        &format!(
            "error: {endpoint} answered HTTP 404 Not Found, but not as the API does: is this a Signet?"
        ),
    );
    server.join().unwrap();

    for endpoint in [
        "127.0.0.1:7780",
        "ftp://127.0.0.1",
        "http://127.0.0.1/path",
        "http://me@127.0.0.1",
    ] {
        place.set("SIGNET_ENDPOINT", endpoint);
        place.run("key list").fails(
            1,
            &format!(
                "error: the endpoint `{endpoint}` is not a URL like http://127.0.0.1:7780 or https://signet.example.com"
            ),
        );
    }
}

#[test]
fn without_a_key_nothing_is_sent() {
    let mut place = Place::new();
    place.run("key list").fails(
        1,
        "error: no key to sign with: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY (`signet serve` shows a pair on its first start), or write a profile into ~/.config/signet/profiles.toml",
    );
    place.set("TENCENTCLOUD_SECRET_ID", SECRET_ID);
    place.run("key list").fails(
        1,
        "error: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY together",
    );
}

#[test]
fn a_profile_stands_in_for_the_environment() {
    let (mut place, serving) = Place::with_service();
    for name in [
        "SIGNET_ENDPOINT",
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
    ] {
        place.set(name, "");
    }
    let profile = |name: &str| {
        format!(
            "[{name}]\nendpoint = '{}'\nsecret_id = '{SECRET_ID}'\nsecret_key_file = 'key'\n",
            serving.endpoint
        )
    };
    let profiles = ".config/signet/profiles.toml";
    place.write(profiles, &(profile("default") + &profile("staging")));
    let key = place.write(".config/signet/key", &format!("{SECRET_KEY}\n"));
    place.run("key list").ends_with(0);
    place.run("key list --profile staging").ends_with(0);
    place.run("key list --profile production").fails(
        1,
        "error: DIR/.config/signet/profiles.toml: there is no profile [production]",
    );

    // The environment goes before the default profile, a profile that is named before the environment.
    let nowhere = nowhere();
    place.set("SIGNET_ENDPOINT", &nowhere);
    place.run("key list").ends_with(1);
    place.run("key list --profile staging").ends_with(0);

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    place.run("key list --profile staging").fails(
        1,
        "error: DIR/.config/signet/key: others may read this secret (mode 0640): run `chmod 600` on it",
    );

    place.write(profiles, "[default]\nsecret = 'x'\n");
    let done = place.run("key list").ends_with(1);
    assert!(
        done.err.contains("line 2, column 1") && done.err.contains("unknown field `secret`"),
        "{}",
        done.err
    );
}

#[test]
fn https_needs_the_right_ca() {
    let folder = Place::new();
    let authority = Authority::root("Test root", lab::now()).unwrap();
    let issued = authority.issue(&Leaf::for_loopback(lab::now())).unwrap();
    let files = issued.write_to(&folder.path("tls")).unwrap();
    let (mut place, serving) = Place::with_configured_service(&format!(
        "[tls]\ncertificate = '{}'\nkey = '{}'\n",
        files.cert.display(),
        files.key.display()
    ));
    assert!(serving.endpoint.starts_with("https://127.0.0.1:"));
    place.set("SIGNET_CA_FILE", &files.ca.display().to_string());
    place.run("key list").ends_with(0);

    let other = Authority::root("Somebody else", lab::now()).unwrap();
    let other = place.write("other.pem", other.root_pem());
    place.set("SIGNET_CA_FILE", &other);
    place.run("key list").fails(
        1,
        "error: ENDPOINT cannot be asked (TLS: invalid peer certificate: UnknownIssuer; SIGNET_CA_FILE names the CA of an endpoint of your own); SIGNET_ENDPOINT says where it is",
    );
    // Without a CA of its own, the system's decide, and they do not know this one.
    place.set("SIGNET_CA_FILE", "");
    let done = place.run("key list").ends_with(1);
    assert!(
        done.err.contains("TLS: invalid peer certificate"),
        "{}",
        done.err
    );

    place.write("empty.pem", "");
    place.set("SIGNET_CA_FILE", "empty.pem");
    place
        .run("key list")
        .fails(1, "error: empty.pem: it holds no certificate in PEM");
}

#[test]
fn calls_that_come_too_fast_wait_for_their_turn() {
    let (place, _serving) =
        Place::with_configured_service("[rates]\nListAccessKeys = 1\nDescribeFleet = 1\n");
    // `call` shows the limit, other commands wait until they may.
    let answers: Vec<_> = (0..10)
        .map(|_| place.run("call signet ListAccessKeys --format json"))
        .collect();
    let refused = answers
        .iter()
        .filter(|done| done.err.starts_with("RequestLimitExceeded"));
    assert!(refused.count() > 0);
    for _ in 0..3 {
        place
            .run("fleet --format json")
            .answers(&json!({ "TotalCount": 0, "Items": [], "RequestId": "REQUEST" }));
    }
}
