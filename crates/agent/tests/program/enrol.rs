use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::plane::FakeControlPlane;
use crate::support::{Site, text};

fn identity(site: &Site) -> Value {
    serde_json::from_slice(&fs::read(site.state().join("identity.json")).unwrap()).unwrap()
}

#[test]
fn an_agent_enrols_by_a_token_from_standard_input() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    let mut agent = site
        .command(&["enrol", "--server", &plane.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    agent
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{}\n", plane.token()).as_bytes())
        .unwrap();
    let output = agent.wait_with_output().unwrap();
    assert_eq!(
        text(&output.stdout),
        format!(
            "enrolled as agent-7 for db1.example.com:3306, at {}\n",
            plane.url()
        )
    );

    let stored = identity(&site);
    assert_eq!(stored["server"], plane.url());
    assert_eq!(stored["roots"], plane.authority().ca_pem());
    assert!(
        stored["key"]
            .as_str()
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&site.state()), 0o700);
    assert_eq!(mode(&site.state().join("identity.json")), 0o600);
}

#[test]
fn what_is_wrong_with_a_token_is_said_and_nothing_is_stored() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    let used = plane.token();
    let enrol = |site: &Site, token: &str| {
        let output = site.run_to_end(&["enrol", "--server", &plane.url(), "--token", token]);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(enrol(&Site::bare(), &used), (Some(0), String::new()));
    let cases = [
        (
            used,
            "error: the control plane refuses this agent: the token was used before, has expired or never was\n\
             A token can be used once and for a short time: make a new one on the control plane.\n"
                .to_owned(),
        ),
        (
            plane.token_pinned_to([7; 32]),
            format!(
                "error: what answers at {} is not the control plane that this agent trusts: \
                 it does not show the root certificate that the token names: the token is of another control plane, or \
                 somebody is in between\n",
                plane.url()
            ),
        ),
        (
            plane.token()[..30].to_owned(),
            "error: an enrolment token looks like `sgt1.<id>.<secret>.<64 hexadecimal digits>`: copy it whole, as it was printed\n"
                .to_owned(),
        ),
    ];
    for (token, expected) in cases {
        assert_eq!(enrol(&site, &token), (Some(1), expected));
        assert!(!site.state().join("identity.json").exists());
    }
}

#[test]
fn a_certificate_for_another_name_is_not_the_control_plane() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    let url = plane.url().replace("127.0.0.1", "localhost");
    let output = site.run_to_end(&["enrol", "--server", &url, "--token", &plane.token()]);
    let said = text(&output.stderr);
    let expected = format!(
        "error: what answers at {url} is not the control plane that this agent trusts: certificate not valid for name \"localhost\""
    );
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn who_is_enrolled_stays_so_unless_it_is_forced() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    site.enrol(&plane);
    let first = identity(&site);
    let token = plane.token();
    let output = site.run_to_end(&["enrol", "--server", &plane.url(), "--token", &token]);
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: this agent is enrolled already, as agent-7 for db1.example.com:3306, at {}; --force replaces that\n",
            plane.url()
        )
    );
    assert_eq!(identity(&site), first);
    let output = site.run_to_end(&[
        "enrol",
        "--server",
        &plane.url(),
        "--token",
        &token,
        "--force",
    ]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    assert_ne!(identity(&site)["key"], first["key"]);
}

#[test]
fn a_control_plane_that_is_away_is_named() {
    let (mut plane, site) = (FakeControlPlane::start(), Site::bare());
    let token = plane.token();
    plane.leave();
    let output = site.run_to_end(&["enrol", "--server", &plane.url(), "--token", &token]);
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: cannot reach the control plane at {}: Connection refused (os error 111)\n",
            plane.url()
        )
    );
}

#[test]
fn an_answer_that_cannot_be_used_is_not_stored() {
    let (plane, site) = (FakeControlPlane::start(), Site::bare());
    site.enrol(&plane);
    let other = identity(&site);
    let answer = |certificate: &str, roots: &Value| {
        serde_json::json!({ "agent_id": "agent-7", "node": "db1:3306", "certificate": certificate, "roots": roots }).to_string()
    };
    let cases = [
        (
            answer(other["certificate"].as_str().unwrap(), &other["roots"]),
            "error: the control plane's answer cannot be used: the certificate is for another key than the one that was made here\n",
        ),
        (
            answer("", &other["roots"]),
            "error: the control plane's answer cannot be used: the certificate is not PEM with at least one certificate in it\n",
        ),
    ];
    for (body, expected) in cases {
        let site = Site::bare();
        plane.answer_instead("/agent/enrol", 200, &body);
        let output =
            site.run_to_end(&["enrol", "--server", &plane.url(), "--token", &plane.token()]);
        assert_eq!(text(&output.stderr), expected);
        assert!(!site.state().join("identity.json").exists());
    }
}

#[test]
fn a_wrong_command_line_says_what_was_expected() {
    let site = Site::bare();
    let output = site.run_to_end(&["enrol", "--server", "http://signet:7781"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("`http://signet:7781` is not the address of a control plane: expected https://HOST or https://HOST:PORT"),
        "{said}"
    );
}
