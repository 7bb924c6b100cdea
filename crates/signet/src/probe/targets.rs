use std::collections::HashSet;
use std::fs;
use std::path::Path;

use dbtls::Target;

use crate::failure::Failure;

/// The servers of the command line, then those of the file. One that is named twice is probed once, at its first place.
pub(super) fn of(words: &[String], file: Option<&Path>) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for word in words {
        targets.push(word.parse().map_err(|e| Failure::Usage(format!("{e}")))?);
    }
    if let Some(file) = file {
        let name = file.display().to_string();
        let text = if file == Path::new("-") {
            std::io::read_to_string(std::io::stdin())
        } else {
            fs::read_to_string(file)
        };
        let text = text.map_err(|e| Failure::Usage(format!("{name}: {e}")))?;
        targets.extend(parse(&text).map_err(|e| Failure::Usage(format!("{name}: {e}")))?);
    }
    if targets.is_empty() {
        return Err(Failure::Usage("no target is named".to_owned()));
    }
    let mut seen = HashSet::new();
    targets.retain(|target| seen.insert(target.clone()));
    Ok(targets)
}

/// One target a line; `#` begins a comment, and empty lines are passed over.
fn parse(text: &str) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let target = line.split('#').next().unwrap_or_default().trim();
        if !target.is_empty() {
            targets.push(
                target
                    .parse()
                    .map_err(|e| format!("line {}: {e}", index + 1))?,
            );
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_comments_and_empty_lines() {
        let targets = parse("# ours\n\ndb1\r\n [::1]:3307 # the other\n").unwrap();
        let texts: Vec<_> = targets.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["db1:3306", "[::1]:3307"]);
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(
            parse("db1\n\ndb2:port\n").unwrap_err(),
            "line 3: `db2:port` is not a target: expected HOST, HOST:PORT, [IPV6]:PORT or unix:/path/to.sock"
        );
    }

    #[test]
    fn a_server_named_twice_is_probed_once() {
        let words = ["db1", "db2", "DB1:3306"].map(str::to_owned);
        assert_eq!(of(&words, None).unwrap().len(), 2);
    }
}
