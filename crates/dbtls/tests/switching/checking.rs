use dbtls::{
    Account, Password, Target,
    switch::{self, Change, Checked, Delivery, Error, Terms},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::site::{Site, check, open};

/// What a check by these terms says about the server.
async fn problems(site: &Site, change: Change, terms: &Terms) -> Vec<String> {
    let mut session = site.session().await;
    match switch::check(&mut session, change, terms).await {
        Err(Error::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

/// The check passes; answers its notes.
async fn passes(site: &Site, change: Change, terms: &Terms) -> Checked {
    let mut session = site.session().await;
    let checked = switch::check(&mut session, change, terms).await;
    checked.unwrap_or_else(|error| panic!("{error}"))
}

fn into(directory: &str) -> Terms {
    Terms {
        delivery: Delivery::Sql(Some(directory.to_owned())),
        ..Terms::default()
    }
}

fn elsewhere() -> Terms {
    Terms {
        delivery: Delivery::Elsewhere,
        ..Terms::default()
    }
}

#[tokio::test]
async fn the_account_of_our_grants_may_do_everything() {
    let site = Site::fresh();
    let before = site.before().await;
    for change in [
        Change::Open,
        Change::Close,
        Change::Rotate,
        Change::Require(true),
        Change::Require(false),
    ] {
        let brings = matches!(change, Change::Open | Change::Rotate);
        let directory = format!("{}/files/", site.server.dir().display());
        assert_eq!(
            passes(&site, change, &Terms::default()).await,
            Checked {
                before: before.clone(),
                directory: brings.then_some(directory),
                notes: vec![],
            },
            "{change:?}"
        );
    }
}

/// One after the other is taken away: each is named with what gives it back, and giving that is enough.
#[tokio::test]
async fn each_missing_privilege_is_named_with_the_statement_that_gives_it() {
    let site = Site::fresh();
    for (privilege, on, why, for_key) in [
        ("FILE", "*.*", "to write the certificate's files", true),
        (
            "SYSTEM_VARIABLES_ADMIN",
            "*.*",
            "to set `ssl_*` and `tls_version`",
            false,
        ),
        (
            "PERSIST_RO_VARIABLES_ADMIN",
            "*.*",
            "to undo what was persisted",
            false,
        ),
        ("CONNECTION_ADMIN", "*.*", "to reload certificates", false),
        (
            "SELECT",
            "performance_schema.threads",
            "to find logins that hold a reload up",
            false,
        ),
        (
            "UPDATE",
            "performance_schema.threads",
            "to keep the key out of the statement history",
            true,
        ),
        (
            "SELECT",
            "performance_schema.tls_channel_status",
            "to see whether TLS is on",
            false,
        ),
        (
            "SELECT",
            "mysql.component",
            "to see whether an audit component reads the key",
            true,
        ),
    ] {
        let revoke = format!("REVOKE {privilege} ON {on} FROM 'signet'@'%'");
        site.server.sql(&revoke).unwrap();
        let grant = format!("GRANT {privilege} ON {on} TO 'signet'@'%'");
        let told = format!(
            "the account lacks {privilege} on {on}, {why}: `{grant}` (a privilege by a role counts while the role is active: `SET DEFAULT ROLE`)"
        );
        assert_eq!(
            problems(&site, Change::Open, &Terms::default()).await,
            std::slice::from_ref(&told)
        );
        if for_key {
            passes(&site, Change::Open, &elsewhere()).await;
            passes(&site, Change::Close, &Terms::default()).await;
        } else {
            assert_eq!(problems(&site, Change::Open, &elsewhere()).await, [told]);
        }
        site.server.sql(&grant).unwrap();
        passes(&site, Change::Open, &Terms::default()).await;
    }
}

#[tokio::test]
async fn a_role_counts_while_it_is_active() {
    let site = Site::fresh();
    let grants = switch::grants("changer", "%");
    let (_, grants) = grants.split_once('\n').unwrap();
    let role = format!("CREATE ROLE changer; {grants}");
    site.server.sql(&role).unwrap();
    site.server
        .sql("REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'signet'@'%'; GRANT changer TO 'signet'@'%'")
        .unwrap();
    let missing = problems(&site, Change::Open, &Terms::default()).await;
    assert_eq!(missing.len(), 8, "{missing:?}");
    site.server
        .sql("SET DEFAULT ROLE ALL TO 'signet'@'%'")
        .unwrap();
    passes(&site, Change::Open, &Terms::default()).await;
    site.open_ssl("by-role", &site.issue()).await;
}

#[tokio::test]
async fn a_server_that_writes_no_files_is_told_what_to_set() {
    let site = Site::mysql(Site::options().set("secure-file-priv=NULL"));
    assert_eq!(
        problems(&site, Change::Rotate, &Terms::default()).await,
        [
            "the server writes no files (`secure_file_priv` is NULL): set `secure_file_priv` to a directory that only its user can read, for example /var/lib/mysql-files, and restart it, or use the agent"
        ]
    );
    passes(&site, Change::Rotate, &elsewhere()).await;
    passes(&site, Change::Close, &Terms::default()).await;
}

#[tokio::test]
async fn a_server_that_writes_anywhere_wants_a_directory() {
    let site = Site::mysql(Site::options().set("secure-file-priv="));
    assert_eq!(
        problems(&site, Change::Open, &Terms::default()).await,
        [
            "the server would write files anywhere (`secure_file_priv` is empty): set it to a directory that only its user can read, or name one for the certificates"
        ]
    );
    let directory = site.server.dir().join("tmp");
    let directory = directory.to_str().unwrap();
    let checked = passes(&site, Change::Open, &into(directory)).await;
    assert_eq!(checked.directory.as_deref(), Some(directory));
    let mut session = site.session().await;
    let material = site.issue();
    let paths = switch::deliver(&mut session, directory, "x", &material.files()).await;
    assert_eq!(paths.unwrap().key, format!("{directory}/x-key.pem"));
}

#[tokio::test]
async fn a_directory_that_the_server_does_not_allow_is_refused() {
    let site = Site::fresh();
    assert_eq!(
        problems(&site, Change::Open, &into("/etc/mysql")).await,
        [format!(
            "the server writes files below {}/files/ only (`secure_file_priv`), not into /etc/mysql",
            site.server.dir().display()
        )]
    );
}

#[tokio::test]
async fn a_server_that_would_forget_or_cannot_tell_is_refused() {
    let site = Site::mysql(Site::options().set("persisted-globals-load=OFF"));
    assert_eq!(
        problems(&site, Change::Close, &Terms::default()).await,
        [
            "the server forgets at its next start what is set by SQL: set `persisted_globals_load=ON` in its configuration and restart it"
        ]
    );
    let site = Site::mysql(Site::options().set("performance-schema=OFF"));
    assert_eq!(
        problems(&site, Change::Open, &Terms::default()).await,
        [
            "the server cannot tell whether TLS is on: set `performance_schema=ON` in its configuration and restart it"
        ]
    );
}

#[tokio::test]
async fn an_audit_plugin_keeps_the_key_away_unless_it_is_accepted() {
    let site = Site::fresh();
    site.server
        .sql("INSTALL PLUGIN NULL_AUDIT SONAME 'adt_null.so'; INSTALL COMPONENT 'file://component_log_sink_json'")
        .unwrap();
    assert_eq!(
        problems(&site, Change::Rotate, &Terms::default()).await,
        [
            "NULL_AUDIT may read all statements and would keep the key: unload it meanwhile, use the agent, or accept it expressly"
        ]
    );
    passes(&site, Change::Rotate, &elsewhere()).await;
    passes(&site, Change::Close, &Terms::default()).await;
    let accepted = Terms {
        despite_audit: true,
        ..Terms::default()
    };
    assert_eq!(
        passes(&site, Change::Rotate, &accepted).await.notes,
        ["The key may be read by NULL_AUDIT; this was accepted."]
    );
}

#[tokio::test]
async fn a_component_that_is_not_known_counts_as_one_that_reads() {
    let site = Site::fresh();
    site.server
        .sql("INSTALL COMPONENT 'file://component_audit_api_message_emit'")
        .unwrap();
    let told = problems(&site, Change::Open, &Terms::default()).await;
    assert!(
        told[0].starts_with("file://component_audit_api_message_emit may read all statements"),
        "{told:?}"
    );
}

/// Whoever may log in by TLS only could not undo it.
#[tokio::test]
async fn an_account_that_must_use_tls_does_not_switch_it_off() {
    let site = Site::fresh();
    site.server
        .sql("ALTER USER 'signet'@'%' REQUIRE SSL")
        .unwrap();
    assert_eq!(
        problems(&site, Change::Close, &Terms::default()).await,
        [
            "the account `signet` may log in by TLS only, so that nobody could switch it on again: `ALTER USER … REQUIRE NONE`"
        ]
    );
    passes(&site, Change::Rotate, &Terms::default()).await;
}

#[tokio::test]
async fn everything_that_is_missing_is_told_at_once() {
    let site = Site::mysql(
        Site::options()
            .set("secure-file-priv=NULL")
            .set("persisted-globals-load=OFF"),
    );
    site.server
        .sql("REVOKE FILE, CONNECTION_ADMIN ON *.* FROM 'signet'@'%'")
        .unwrap();
    let mut session = site.session().await;
    let told = check(&mut session, Change::Open).await.unwrap_err();
    let told = told.to_string();
    let parts: Vec<_> = told.split("; (").collect();
    let begins = [
        "(1) the account lacks FILE on *.*",
        "2) the account lacks CONNECTION_ADMIN on *.*",
        "3) the server forgets at its next start",
        "4) the server writes no files",
    ];
    assert_eq!(parts.len(), begins.len(), "{told}");
    for (part, begin) in parts.iter().zip(begins) {
        assert!(part.starts_with(begin), "{part}");
    }
}

#[tokio::test]
async fn what_may_surprise_later_is_noted() {
    let options = Site::options()
        .set("tls-version=TLSv1.2")
        .set("ssl-cipher=ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
        .set("mysqlx=ON")
        .set("mysqlx-port=0")
        .set("mysqlx-socket=x.sock");
    let site = Site::mysql(options);
    let configuration = site.server.dir().join("my.cnf");
    assert_eq!(
        passes(&site, Change::Rotate, &Terms::default()).await.notes,
        [
            format!(
                "`tls_version` is set in {}; from now on what is persisted goes before it.",
                configuration.display()
            ),
            "`ssl_cipher` is set and stays as it is; it must fit the certificate.".to_owned(),
            "The X protocol's port (33060) keeps the TLS that it has until the server restarts."
                .to_owned(),
        ]
    );
}

/// A fake: it says that it is MySQL 8.0.20, lets anybody in and says yes to everything.
async fn mysql_8_0_20() -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let rest = "0000000000\0mysql_native_password\0";
        let greeting = [
            b"\x0a8.0.20\0\x01\0\0\0abcdefgh\0\xff\xf7\x2d\x02\0\xff\xdf\x15",
            &[0; 10][..],
            b"ij",
            rest.as_bytes(),
        ];
        let greeting = greeting.concat();
        let header = [u8::try_from(greeting.len()).unwrap(), 0, 0, 0];
        stream.write_all(&header).await.unwrap();
        stream.write_all(&greeting).await.unwrap();
        let mut header = [0; 4];
        while stream.read_exact(&mut header).await.is_ok() {
            let mut packet = vec![0; usize::from(header[0])];
            stream.read_exact(&mut packet).await.unwrap();
            let yes = [7, 0, 0, header[3] + 1, 0, 0, 0, 2, 0, 0, 0];
            stream.write_all(&yes).await.unwrap();
        }
    });
    address.to_string().parse().unwrap()
}

#[tokio::test]
async fn a_mysql_that_is_too_old_is_told_its_way() {
    let account = Account::new("signet", Password::new("x".to_owned()));
    let mut session = open(&mysql_8_0_20().await, &account).await;
    let refused = check(&mut session, Change::Open).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this is MySQL 8.0.20; by SQL alone it takes 8.0.21 or newer: upgrade it, or install `signet-agent` on its host, which knows MySQL since 5.7"
    );
}
