use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::answers::Answers;

/// Stands for the directory of the service and its agent.
pub(crate) const PLACE: &str = "@PLACE@";
/// Stands for the directory of the MariaDB server.
pub(crate) const MARIADB: &str = "@MARIADB@";

/// What a build left behind.
pub(crate) struct Left {
    folder: PathBuf,
    /// What it answered.
    pub(crate) answers: Answers,
    /// The key pairs that it made.
    pub(crate) keys: Value,
}

impl Left {
    /// The files in this folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let json = |name: &str| {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()
        };
        Self {
            folder: folder.to_owned(),
            answers: Answers(json("answers.json")),
            keys: json("keys.json"),
        }
    }

    /// One of the files or folders.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Copies a file or a folder, for its owner alone; texts with some of their words replaced.
pub(crate) fn copy(from: &Path, to: &Path, words: &[(&str, &str)]) {
    let kind = fs::symlink_metadata(from).unwrap().file_type();
    if kind.is_symlink() {
        symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else if kind.is_dir() {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700).create(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name), words);
        }
    } else {
        let replaced = |text: String| {
            let words = words.iter();
            words.fold(text, |text, (word, with)| text.replace(word, with))
        };
        let bytes = match String::from_utf8(fs::read(from).unwrap()) {
            Ok(text) => replaced(text).into_bytes(),
            Err(binary) => binary.into_bytes(),
        };
        let mut file = fs::OpenOptions::new();
        file.write(true).create(true).truncate(true).mode(0o600);
        std::io::Write::write_all(&mut file.open(to).unwrap(), &bytes).unwrap();
    }
}
