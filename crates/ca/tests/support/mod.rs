//! Programs of other people, run for a test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::path::Path;
use std::process::{Command, Output};

/// Certificate authorities that OpenSSL made, as operators have them.
#[cfg(feature = "authority")]
pub mod operator;

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a program printed, and how it ended.
pub struct Answer {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub error: String,
}

impl Answer {
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.text(), self.error);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// The printed lines that contain `part`.
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| line.contains(part))
            .map(str::to_owned)
            .collect()
    }
}

#[track_caller]
pub fn openssl(args: &[&str]) -> Answer {
    openssl_says(args).succeeds()
}

#[track_caller]
pub fn openssl_says(args: &[&str]) -> Answer {
    run("openssl", args)
}

#[track_caller]
pub fn keytool(args: &[&str]) -> Answer {
    keytool_says(args).succeeds()
}

#[track_caller]
pub fn keytool_list(kind: &str, store: &str, password: &str) -> Answer {
    keytool_says(&[
        "-list",
        "-storetype",
        kind,
        "-keystore",
        store,
        "-storepass",
        password,
    ])
}

/// In English and UTC wherever it runs, because dates and messages are compared.
#[track_caller]
pub fn keytool_says(args: &[&str]) -> Answer {
    let fixed = [
        "-J-Duser.language=en",
        "-J-Duser.country=US",
        "-J-Duser.timezone=UTC",
    ];
    run("keytool", &[args, &fixed].concat())
}

#[track_caller]
pub fn run(program: &str, args: &[&str]) -> Answer {
    let output = Command::new(program).args(args).output();
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap_or_else(|error| panic!("`{program}` must be installed: {error}"));
    Answer {
        code: status.code(),
        out: stdout,
        error: String::from_utf8_lossy(&stderr).into(),
    }
}
