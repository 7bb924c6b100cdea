//! The key on its way: where it must not be found afterwards.

use std::{collections::BTreeSet, fmt::Write as _, os::unix::fs::PermissionsExt, process::Command};

use dbtls::switch::{self, Change, Error, Paths};
use lab::Options;

use crate::site::{Material, Site, check};

/// Everything that a MySQL server can write down about statements.
fn talkative() -> Options {
    Site::options()
        .set("general-log=ON")
        .set("slow-query-log=ON")
        .set("long-query-time=0")
        .set("log-queries-not-using-indexes=ON")
        .set("log-output=FILE,TABLE")
        .set("log-bin=binlog")
        .set("server-id=1")
        .set("binlog-rows-query-log-events=ON")
        .set("log-error-verbosity=3")
        .set("performance-schema-instrument=%=ON")
        .set("performance-schema-consumer-events-statements-current=ON")
        .set("performance-schema-consumer-events-statements-history=ON")
        .set("performance-schema-consumer-events-statements-history-long=ON")
        .set("performance-schema-consumer-events-stages-history-long=ON")
        .set("performance-schema-consumer-events-transactions-history-long=ON")
        .set("performance-schema-consumer-events-waits-history-long=ON")
}

/// A key as it could be written down: each line of its base64, as it is and in hexadecimal.
fn forms(key: &str) -> Vec<String> {
    let lines = key.lines().filter(|line| !line.starts_with("-----"));
    lines
        .flat_map(|line| {
            let hex = hex(line);
            [line.to_owned(), hex.to_uppercase(), hex]
        })
        .collect()
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// The server's files that hold one of these texts: logs, binary logs, tables, whatever there is.
fn files_with(site: &Site, texts: &[String]) -> BTreeSet<String> {
    let patterns = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(patterns.path(), texts.join("\n")).unwrap();
    // Tables that are in memory go to the files.
    site.server.sql("FLUSH TABLES; FLUSH LOGS").unwrap();
    let found = Command::new("grep")
        .args(["-rlaF", "--exclude-dir=files", "-f"])
        .arg(patterns.path())
        .arg(".")
        .current_dir(site.server.dir())
        .output()
        .unwrap();
    assert!(found.stderr.is_empty(), "{found:?}");
    let found = String::from_utf8(found.stdout).unwrap();
    found.lines().map(str::to_owned).collect()
}

/// The tables that hold one of these texts, of those where a server remembers statements.
fn tables_with(site: &Site, texts: &[String]) -> BTreeSet<String> {
    let tables = "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA IN ('performance_schema', 'mysql')";
    let tables = site.server.sql(tables).unwrap();
    assert!(tables.lines().count() > 120, "{tables}");
    let holds = |table: &&str| {
        let content = site.server.sql(&format!("SELECT * FROM {table}")).unwrap();
        texts.iter().any(|text| content.contains(text))
    };
    tables.lines().filter(holds).map(str::to_owned).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test]
async fn the_key_is_found_nowhere_on_a_server_that_writes_everything_down() {
    let site = Site::mysql(talkative());
    let material = site.issue();
    let (_, paths) = site.open_ssl("first", &material).await;
    assert_eq!(std::fs::read_to_string(paths.key).unwrap(), material.key);
    let texts = forms(&material.key);
    assert_eq!(files_with(&site, &texts), set([]));
    assert_eq!(tables_with(&site, &texts), set([]));

    // The counter-example, so that we know that we would have found it.
    let other = site.issue();
    let target = site.server.dir().join("files/plain.pem");
    let key = hex(&other.key);
    let plain = format!("SELECT 0x{key} INTO DUMPFILE '{}'", target.display());
    let mut unguarded = site.session().await;
    unguarded.run(&plain).await.unwrap();
    let texts = forms(&other.key);
    let (files, tables) = (files_with(&site, &texts), tables_with(&site, &texts));
    assert_eq!(
        files.len(),
        4,
        "general and slow log, each as a file and as a table: {files:?}"
    );
    let expected = [
        "mysql.general_log",
        "mysql.slow_log",
        "performance_schema.events_statements_history",
        "performance_schema.events_statements_history_long",
        "performance_schema.events_statements_summary_by_digest",
    ];
    assert!(set(expected).is_subset(&tables), "{tables:?}");
}

#[tokio::test]
async fn what_was_delivered_lies_there_for_the_servers_user_alone() {
    let site = Site::fresh();
    let material = site.issue();
    let files = site.server.dir().join("files");
    let mut session = site.session().await;
    let checked = check(&mut session, Change::Open).await.unwrap();
    let directory = checked.directory.unwrap();
    assert_eq!(directory, format!("{}/", files.display()));
    let delivered = deliver(&site, &directory, "signet-01", &material).await;
    let path = |what: &str| format!("{}/signet-01-{what}.pem", files.display());
    let expected = Paths {
        ca: path("ca"),
        certificate: path("cert"),
        key: path("key"),
    };
    assert_eq!(delivered, Ok(expected.clone()));
    for (path, content) in [
        (&expected.ca, &material.ca),
        (&expected.certificate, &material.chain),
        (&expected.key, &material.key),
    ] {
        assert_eq!(&std::fs::read_to_string(path).unwrap(), content);
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o007, 0, "{path}: {mode:o}");
    }
    assert_eq!(site.before().await, checked.before, "nothing uses them yet");
}

async fn deliver(
    site: &Site,
    directory: &str,
    name: &str,
    material: &Material,
) -> Result<Paths, Error> {
    let mut session = site.session().await;
    switch::deliver(&mut session, directory, name, &material.files()).await
}

/// An earlier try broke off after the certificate, or after everything.
#[tokio::test]
async fn a_delivery_goes_on_where_it_broke_off() {
    let site = Site::fresh();
    let material = site.issue();
    let directory = site.server.dir().join("files");
    let directory = directory.to_str().unwrap();
    let whole = deliver(&site, directory, "a", &material).await.unwrap();
    std::fs::remove_file(&whole.key).unwrap();
    for _ in 0..2 {
        let again = deliver(&site, directory, "a", &material).await;
        assert_eq!(again, Ok(whole.clone()));
        assert_eq!(std::fs::read_to_string(&whole.key).unwrap(), material.key);
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_never_written_over() {
    let site = Site::fresh();
    let directory = site.server.dir().join("files");
    let directory = directory.to_str().unwrap();
    for what in ["ca", "cert", "key"] {
        let material = site.issue();
        let taken = format!("{directory}/{what}-{what}.pem");
        std::fs::write(&taken, "somebody's").unwrap();
        let refused = deliver(&site, directory, what, &material)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("`{taken}` exists on the server, with another content: choose another name")
        );
        assert_eq!(std::fs::read_to_string(&taken).unwrap(), "somebody's");
        let key = format!("{directory}/{what}-key.pem");
        assert_eq!(
            std::path::Path::new(&key).exists(),
            what == "key",
            "the key goes last"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_a_path_is_refused() {
    let site = Site::fresh();
    let refused = deliver(&site, "/tmp", "../../etc/x", &site.issue()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "`../../etc/x` cannot name files: expected 1 to 64 lower-case letters, digits and `-`"
    );
}

/// What a server says about a statement can quote it. So nothing of it is repeated.
#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_without_the_servers_words() {
    let site = Site::fresh();
    let material = site.issue();
    let refused = deliver(&site, "/nowhere", "a", &material).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the server did not write `/nowhere/a-ca.pem` (error 1290: it writes below `secure_file_priv` only, and the directory must exist)"
    );
    site.server
        .sql("REVOKE FILE ON *.* FROM 'signet'@'%'")
        .unwrap();
    let directory = site.server.dir().join("files");
    let refused = deliver(&site, directory.to_str().unwrap(), "a", &material).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        format!(
            "the server did not write `{}/a-ca.pem` (error 1227: the account lacks the privilege FILE)",
            directory.display()
        )
    );
}

#[tokio::test]
async fn a_server_that_goes_on_recording_gets_no_key() {
    let site = Site::fresh();
    site.server
        .sql("REVOKE UPDATE ON performance_schema.threads FROM 'signet'@'%'")
        .unwrap();
    let directory = site.server.dir().join("files");
    let directory = directory.to_str().unwrap();
    let refused = deliver(&site, directory, "a", &site.issue()).await;
    let told = refused.unwrap_err().to_string();
    assert!(
        told.starts_with("the server could not be asked to stop recording this session's statements: 1142 (42000): UPDATE command denied to user 'signet'@"),
        "{told}"
    );
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

/// `performance_schema` has no room for our thread, so that it cannot be told to forget it.
#[tokio::test]
async fn a_thread_that_cannot_be_found_gets_no_key() {
    let site = Site::mysql(Site::options().set("performance-schema-max-thread-instances=10"));
    let directory = site.server.dir().join("files");
    let directory = directory.to_str().unwrap();
    let refused = deliver(&site, directory, "a", &site.issue()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the key is not sent: the server would not stop recording this session's statements (performance_schema); use the agent, or write the files by hand"
    );
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}
