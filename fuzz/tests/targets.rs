//! The table of the targets, and their corpus.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_target_has_a_corpus_and_runs_under_cargo_fuzz() {
    let names: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names.len(), TARGETS.len());
    assert_eq!(names_in(&folder("corpus")), names);
    assert_eq!(names_in(&folder("libfuzzer/fuzz_targets")), names);
    let manifest = fs::read_to_string(folder("libfuzzer/Cargo.toml")).unwrap();
    for name in &names {
        let binary = format!("[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&binary), "{name}");
        let path = folder("libfuzzer/fuzz_targets").join(format!("{name}.rs"));
        let expected = format!(
            "#![no_main]\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::run(\"{name}\", data));\n"
        );
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }
}

#[test]
fn the_corpus_is_small_and_every_property_holds_for_it() {
    let mut size = 0;
    for target in TARGETS {
        for entry in fs::read_dir(folder("corpus").join(target.name)).unwrap() {
            let input = fs::read(entry.unwrap().path()).unwrap();
            size += input.len();
            (target.run)(&input);
        }
    }
    assert!(size < 200_000, "{size} bytes");
}
