//! The console as an attacker and as a browser see it. `e2e/` looks at it with a real one.

mod explorer;

use serde_json::json;

use crate::support::{SECRET_ID, SECRET_KEY, TestServer, split};

/// What a browser keeps between requests.
struct Browser<'a> {
    server: &'a TestServer,
    cookie: String,
}

/// An answer: its status, its head, its body.
struct Page(u16, String, String);

impl Page {
    /// Where it leads.
    fn location(&self) -> &str {
        self.header("location")
    }

    fn header(&self, name: &str) -> &str {
        let mut lines = self.1.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.2.contains(text), "no `{text}` in\n{}", self.2);
        self
    }

    #[track_caller]
    fn has_not(&self, text: &str) -> &Self {
        assert!(!self.2.contains(text), "`{text}` in\n{}", self.2);
        self
    }

    /// The token that its forms carry.
    fn csrf(&self) -> &str {
        let (_, rest) = self.2.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0
    }
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer) -> Self {
        Self {
            server,
            cookie: String::new(),
        }
    }

    fn signed_in(server: &'a TestServer) -> Self {
        let mut browser = Self::new(server);
        let page = browser.sign_in(SECRET_ID, SECRET_KEY);
        assert_eq!((page.0, page.location()), (303, "/console/"));
        browser
    }

    fn sign_in(&mut self, secret_id: &str, secret_key: &str) -> Page {
        let page = self.post(
            "/console/sign-in",
            &[("secret_id", secret_id), ("secret_key", secret_key)],
        );
        let cookie = page.header("set-cookie").split(';').next().unwrap();
        self.cookie = cookie.to_owned();
        page
    }

    fn get(&self, path: &str) -> Page {
        self.send(&format!("GET {path}"), "", "")
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, fields, "Sec-Fetch-Site: same-origin\r\n")
    }

    /// Sends a form with the token of the session.
    fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let start = self.get("/console/");
        let csrf = ("csrf", start.csrf());
        self.post(path, &[fields, &[csrf]].concat())
    }

    fn post_with(&self, path: &str, fields: &[(&str, &str)], headers: &str) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let headers = format!(
            "{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.send(&format!("POST {path}"), &headers, &body)
    }

    fn send(&self, start: &str, headers: &str, body: &str) -> Page {
        let request = format!(
            "{start} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n{headers}\r\n{body}",
            self.server.address(),
            self.cookie
        );
        let (status, head, body) = split(&self.server.exchange(request.as_bytes()));
        Page(status, head, String::from_utf8_lossy(&body).into_owned())
    }
}

const PAGES: [&str; 12] = [
    "/console/",
    "/console/fleet.csv",
    "/console/fleet.json",
    "/console/tasks",
    "/console/explorer",
    "/console/explorer/cdb/DescribeSSLStatus",
    "/console/doctor",
    "/console/keys",
    "/console/audit",
    "/console/reference/cdb",
    "/console/reference/signet",
    "/console/instances/cdb-console1",
];

fn served() -> TestServer {
    let server = TestServer::start();
    let nodes = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
    server.register("cdb-console1", &nodes);
    server
}

#[test]
fn nobody_sees_a_page_without_signing_in() {
    let server = served();
    let stranger = Browser::new(&server);
    for path in PAGES {
        let page = stranger.get(path);
        assert_eq!(page.0, 303, "{path}");
        assert!(
            page.location().starts_with("/console/sign-in?next="),
            "{path}"
        );
        page.has_not("cdb-console1");
    }
    let invented = Browser {
        server: &server,
        cookie: format!("signet_session={}", "0".repeat(64)),
    };
    let page = invented.get("/console/");
    assert!(page.location().contains("over=1"), "{}", page.location());
}

#[test]
fn every_page_is_there_and_locked_down() {
    let server = served();
    let browser = Browser::signed_in(&server);
    for path in PAGES {
        let page = browser.get(path);
        assert_eq!(page.0, 200, "{path}");
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        );
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        page.has_not("style=")
            .has_not("onclick")
            .has_not("<script>");
    }
}

#[test]
fn the_session_cookie_is_for_nobody_else() {
    let server = TestServer::start();
    let mut browser = Browser::new(&server);
    let page = browser.sign_in(SECRET_ID, SECRET_KEY);
    let cookie = page.header("set-cookie");
    let (token, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(token.len(), "signet_session=".len() + 64);
    assert_eq!(attributes, "Path=/console; HttpOnly; SameSite=Strict");
    // Whoever reads the memory or a dump of the answers has no use of the secret: it is nowhere.
    page.has_not(SECRET_KEY);
}

#[test]
fn under_a_secure_address_the_cookie_is_secure() {
    let server =
        TestServer::configured(|config| config.public_url = "https://signet.example.com".into());
    let page = Browser::new(&server).sign_in(SECRET_ID, SECRET_KEY);
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-signet_session="), "{cookie}");
    let (_, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Secure");
}

#[test]
fn a_wrong_key_does_not_get_in_and_is_audited() {
    let server = TestServer::start();
    let mut browser = Browser::new(&server);
    for (secret_id, secret_key) in [
        (SECRET_ID, "another"),
        (SECRET_ID, ""),
        ("AKIDNOBODY", ""),
        ("", ""),
    ] {
        let page = browser.sign_in(secret_id, secret_key);
        assert_eq!((page.0, page.header("set-cookie")), (403, ""));
        page.has("There is no such key, its secret is another one, or it is disabled.");
    }
    let line = server.audited(|line| line["code"] == "SignInFailed");
    assert_eq!(
        (&line["action"], &line["secret_id"]),
        (&json!("console/sign-in"), &json!(SECRET_ID))
    );
}

#[test]
fn after_failures_even_the_right_key_has_to_wait() {
    let server = TestServer::start();
    let mut browser = Browser::new(&server);
    for _ in 0..5 {
        assert_eq!(browser.sign_in(SECRET_ID, "another").0, 403);
    }
    let page = browser.sign_in(SECRET_ID, SECRET_KEY);
    assert_eq!(page.0, 429);
    page.has("Too many attempts failed. Try again in 1 s");
    server.audited(|line| line["code"] == "SignInTooOften");
    server.pass(1);
    assert_eq!(browser.sign_in(SECRET_ID, SECRET_KEY).0, 303);
}

#[test]
fn a_session_ends_when_it_is_idle_signed_out_or_its_key_is_disabled() {
    let server = TestServer::start();
    let idle = Browser::signed_in(&server);
    server.pass(30 * 60 + 1);
    assert!(idle.get("/console/").location().contains("over=1"));

    let gone = Browser::signed_in(&server);
    assert_eq!(gone.submit("/console/sign-out", &[]).0, 303);
    assert_eq!(gone.get("/console/").0, 303);

    let made = server.call("CreateAccessKey", json!({}));
    let (id, key) = (made.text("SecretId"), made.text("SecretKey"));
    let mut other = Browser::new(&server);
    other.sign_in(&id, &key);
    assert_eq!(other.get("/console/").0, 200);
    server
        .call("DisableAccessKey", json!({ "SecretId": id }))
        .answers(json!({}));
    assert_eq!(other.get("/console/").0, 303);
}

#[test]
fn a_form_without_the_token_of_its_session_does_nothing() {
    let server = TestServer::start();
    let browser = Browser::signed_in(&server);
    let stranger = Browser::signed_in(&server);
    let foreign = stranger.get("/console/").csrf().to_owned();
    for csrf in ["", "wrong", &foreign] {
        let page = browser.post("/console/keys", &[("access", "Full"), ("csrf", csrf)]);
        assert_eq!(page.0, 403);
        page.has("The form did not carry the token of this session, so nothing was done.");
    }
    let keys = server.call("ListAccessKeys", json!({}));
    assert_eq!(keys.fields["TotalCount"], 1);
    let line = server.audited(|line| line["code"] == "CsrfToken");
    assert_eq!(line["action"], "console/keys");
}

#[test]
fn a_form_from_another_site_does_nothing() {
    let server = TestServer::start();
    let browser = Browser::signed_in(&server);
    let start = browser.get("/console/");
    for headers in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: http://example.com\r\n",
        "Origin: null\r\n",
    ] {
        let page = browser.post_with("/console/keys", &[("csrf", start.csrf())], headers);
        assert_eq!(page.0, 403, "{headers}");
        page.has("The form was sent from another site, so nothing was done.");
    }
    let own = format!("Origin: http://{}\r\n", server.address());
    assert_eq!(
        browser
            .post_with(
                "/console/keys",
                &[("csrf", start.csrf()), ("access", "Full")],
                &own
            )
            .0,
        200
    );
    server.audited(|line| line["code"] == "ForeignForm");
}

#[test]
fn nobody_is_led_to_another_site_after_signing_in() {
    let server = TestServer::start();
    let browser = Browser::new(&server);
    for (next, location) in [
        ("https://example.com/", "/console/"),
        ("//example.com/", "/console/"),
        ("/console/tasks?page=2", "/console/tasks?page=2"),
    ] {
        let fields = [
            ("secret_id", SECRET_ID),
            ("secret_key", SECRET_KEY),
            ("next", next),
        ];
        assert_eq!(
            browser.post("/console/sign-in", &fields).location(),
            location
        );
    }
}

#[test]
fn what_callers_name_things_is_text_and_nothing_else() {
    const NASTY: &str = "\"><script>alert(1)</script>'&{{7*7}}";
    const SHOWN: &str = "&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#39;&#38;{{7*7}}";
    let server = TestServer::start();
    server.call(
        "RegisterInstance",
        json!({ "InstanceId": "cdb-console1", "InstanceName": NASTY, "Architecture": "two-node", "Nodes": ["127.0.0.1:1", "127.0.0.1:2"], "Tags": [{ "Key": "k", "Value": NASTY }] }),
    )
    .answers(json!({ "InstanceId": "cdb-console1" }));
    server.call("CreateAccessKey", json!({ "Note": NASTY }));
    let browser = Browser::signed_in(&server);
    let query: String = form_urlencoded::byte_serialize(NASTY.as_bytes()).collect();
    for path in [
        "/console/".to_owned(),
        "/console/instances/cdb-console1".to_owned(),
        "/console/instances/cdb-console1/open".to_owned(),
        "/console/keys".to_owned(),
        format!("/console/?search={query}"),
        format!("/console/audit?search={query}"),
        format!("/console/explorer?search={query}"),
        format!("/console/explorer/cdb/DescribeSSLStatus?InstanceId={query}"),
    ] {
        browser.get(&path).has(SHOWN).has_not("<script>alert");
    }
}

#[test]
fn a_key_that_only_reads_changes_nothing_here_either() {
    let server = served();
    let made = server.call("CreateAccessKey", json!({ "Access": "ReadOnly" }));
    let mut reader = Browser::new(&server);
    reader.sign_in(&made.text("SecretId"), &made.text("SecretKey"));
    for (path, action) in [
        ("/console/instances/cdb-console1/open", "cdb:OpenSSL"),
        ("/console/keys", "signet:CreateAccessKey"),
    ] {
        let page = reader.submit(path, &[("access", "Full")]);
        assert_eq!(page.0, 403);
        page.has("UnauthorizedOperation").has(action);
    }
    server.audited(|line| {
        line["code"] == "AuthFailure.UnauthorizedOperation" && line["action"] == "OpenSSL"
    });
}

#[test]
fn what_belongs_to_nobody_is_not_found() {
    let server = TestServer::start();
    let browser = Browser::signed_in(&server);
    for path in [
        "/console/nothing",
        "/console/instances/cdb-nothing1",
        "/console/instances/%2e%2e",
        "/console/tasks/f96e4f3c-8fc96c86-2ec79ac8-cb63a7a7",
        "/console/explorer/cdb/NoSuchAction",
        "/console/explorer/signet/DescribeSSLStatus",
        "/console/reference/cvm",
    ] {
        let page = browser.get(path);
        assert_eq!(page.0, 404, "{path}");
        page.has("There is nothing here");
    }
}

#[test]
fn the_fleet_is_filtered_sorted_and_exported() {
    let server = served();
    let nodes = ["127.0.0.1:3".to_owned(), "127.0.0.1:4".to_owned()];
    server.call(
        "RegisterInstance",
        json!({ "InstanceId": "cdb-console2", "InstanceName": "=billing", "Architecture": "two-node", "Nodes": nodes }),
    );
    let browser = Browser::signed_in(&server);
    browser
        .get("/console/?search=BILL")
        .has("cdb-console2")
        .has_not("cdb-console1");
    browser
        .get("/console/?search=127.0.0.1%3A3")
        .has("cdb-console2")
        .has_not("cdb-console1");
    browser.get("/console/?status=ON").has("Nothing fits.");
    browser
        .get("/console/?status=UNKNOWN")
        .has("cdb-console1")
        .has("cdb-console2");
    let sorted = browser.get("/console/?sort=name");
    assert!(sorted.2.find("cdb-console2") < sorted.2.find("cdb-console1"));
    let table = browser.get("/console/fleet.csv?search=bill").2;
    assert_eq!(
        table,
        "Id,Kind,Name,Status,NotAfter,DaysLeft,Issuers,TlsVersions,Enforcement,Drift,LastSeen,Nodes,Servers\n\
         cdb-console2,Instance,'=billing,UNKNOWN,,,,,UNKNOWN,,,127.0.0.1:3 127.0.0.1:4,\n"
    );
    let page = browser.get("/console/fleet.json?search=bill");
    assert_eq!(
        page.header("content-disposition"),
        "attachment; filename=\"fleet.json\""
    );
    let items: serde_json::Value = serde_json::from_str(&page.2).unwrap();
    assert_eq!(
        (items.as_array().unwrap().len(), &items[0]["Id"]),
        (1, &json!("cdb-console2"))
    );
}

#[test]
fn a_browser_is_sent_to_the_console_and_a_client_is_not() {
    let server = TestServer::start();
    let browser = Browser::new(&server);
    let page = browser.send("GET /", "Accept: text/html,application/xhtml+xml\r\n", "");
    assert_eq!((page.0, page.location()), (303, "/console/"));
    let page = browser.send("GET /", "Accept: application/json\r\n", "");
    assert_eq!(
        (page.0, page.header("content-type")),
        (200, "application/json")
    );
}

#[test]
fn a_service_without_a_console_has_none() {
    let server = TestServer::configured(|config| config.console.enabled = false);
    let browser = Browser::new(&server);
    for path in ["/console", "/console/", "/console/sign-in"] {
        assert_eq!(browser.get(path).0, 404);
    }
    let page = browser.send("GET /", "Accept: text/html\r\n", "");
    assert_eq!(page.header("content-type"), "application/json");
}

#[test]
fn language_and_theme_are_kept() {
    let server = TestServer::start();
    let browser = Browser::new(&server);
    browser
        .get("/console/sign-in")
        .has("lang=\"en-US\"")
        .has("data-theme=\"system\"");
    browser
        .send(
            "GET /console/sign-in",
            "Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n",
            "",
        )
        .has("登录");
    let page = browser.post(
        "/console/preferences",
        &[("language", "zh-CN"), ("next", "/console/sign-in")],
    );
    assert_eq!(page.location(), "/console/sign-in");
    assert!(
        page.header("set-cookie")
            .starts_with("signet_language=zh-CN; ")
    );
    let dark = Browser {
        server: &server,
        cookie: "signet_theme=dark; signet_language=zh-CN".into(),
    };
    dark.get("/console/sign-in")
        .has("lang=\"zh-CN\"")
        .has("data-theme=\"dark\"");
    let nasty = Browser {
        server: &server,
        cookie: "signet_theme=\"><script>; signet_language=x".into(),
    };
    nasty
        .get("/console/sign-in")
        .has("lang=\"en-US\"")
        .has("data-theme=\"system\"");
}

#[test]
fn a_form_that_is_too_large_is_refused_before_it_is_read() {
    let server = TestServer::start();
    let page =
        Browser::new(&server).post("/console/sign-in", &[("secret_id", &"a&".repeat(600_000))]);
    assert_eq!(page.0, 400);
    page.has("The request exceeds the size limit of 65536 bytes.");
    let page =
        Browser::signed_in(&server).submit("/console/doctor", &[("text", &"a&".repeat(600_000))]);
    assert_eq!(page.0, 400);
    page.has("The request exceeds the size limit of 1048576 bytes.");
}

#[test]
fn what_a_stranger_names_does_not_fill_the_audit_log() {
    let server = TestServer::start();
    Browser::new(&server).sign_in(&"A".repeat(10_000), "secret");
    let line = server.audited(|line| line["code"] == "SignInFailed");
    assert_eq!(line["secret_id"], "A".repeat(32));
}

#[test]
fn pages_that_are_read_are_audited_where_reads_are() {
    let server = TestServer::configured(|config| config.audit.reads = true);
    let browser = Browser::signed_in(&server);
    browser.get("/console/fleet.json");
    let line = server.audited(|line| line["action"] == "console/fleet.json");
    assert_eq!(
        (&line["outcome"], &line["secret_id"], &line["resource"]),
        (&json!("done"), &json!(SECRET_ID), &json!("fleet.json"))
    );
}

#[test]
fn a_tile_leads_to_what_it_says() {
    let server = served();
    let browser = Browser::signed_in(&server);
    browser
        .get("/console/?status=ON")
        .has("<b>0</b> ON")
        .has("<b>1</b> UNKNOWN")
        .has("Nothing fits.");
    browser
        .get("/console/?tls=TLSv1.1")
        .has("<option selected>TLSv1.1</option>");
}

#[test]
fn a_key_is_disabled_only_after_a_question() {
    let server = TestServer::start();
    let made = server.call("CreateAccessKey", json!({ "Note": "for a guest" }));
    let id = made.text("SecretId");
    let browser = Browser::signed_in(&server);
    let path = format!("/console/keys/{id}/disable");
    browser
        .get(&path)
        .has("A disabled key cannot be enabled again.")
        .has("for a guest");
    assert_eq!(browser.submit(&path, &[]).location(), "/console/keys");
    assert_eq!(browser.get(&path).0, 404);
}
