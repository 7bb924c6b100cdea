//! The files in `packaging/` fit this program.

use std::path::Path;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::config::{Config, DEFAULT_PATH};

const UNIT: &str = include_str!("../../../packaging/signet-agent.service");
const FOLDERS: &str = include_str!("../../../packaging/signet-agent.tmpfiles");
const EXAMPLE: &str = include_str!("../../../packaging/agent.toml");

/// The values of a key of the unit.
fn values(key: &str) -> Vec<&'static str> {
    let lines = UNIT.lines().filter_map(|line| line.split_once('='));
    lines
        .filter_map(|(name, value)| (name == key).then_some(value))
        .collect()
}

fn example() -> Config {
    Config::parse(EXAMPLE, "agent.toml".to_owned()).unwrap()
}

/// What is commented out as an example: text is not.
fn commented_out() -> impl Iterator<Item = &'static str> {
    EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
        })
}

#[test]
fn the_unit_starts_the_agent_with_the_usual_configuration() {
    let [line] = values("ExecStart")[..] else {
        panic!("one command")
    };
    let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
    let Command::Run(arguments) = cli.command else {
        panic!("{line}")
    };
    assert_eq!(arguments.config.as_deref(), Some(Path::new(DEFAULT_PATH)));
}

#[test]
fn the_unit_lets_it_write_where_the_example_says_and_nowhere_else() {
    let config = example();
    let dropins = config.dropin.as_deref().and_then(Path::parent).unwrap();
    let writable: Vec<_> = [config.folder.as_path(), dropins]
        .map(|folder| format!("-{}", folder.display()))
        .into();
    assert_eq!(values("ReadWritePaths"), writable);
    assert_eq!(values("ProtectSystem"), ["strict"]);
    let state: Vec<_> = values("StateDirectory")
        .iter()
        .map(|name| Path::new("/var/lib").join(name))
        .collect();
    assert_eq!(state, [config.state.as_path()]);
    let identity = config.state.join("identity.json").display().to_string();
    assert_eq!(values("ConditionPathExists"), [identity]);
    for folder in [config.folder.as_path(), dropins, &config.state] {
        let line = format!("d {} ", folder.display());
        assert!(FOLDERS.lines().any(|l| l.starts_with(&line)), "{line}");
    }
}

#[test]
fn the_example_has_every_option_with_a_value_that_can_be_used() {
    for line in commented_out() {
        toml::from_str::<Config>(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    let keys: Vec<_> = EXAMPLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .chain(commented_out())
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let known = toml::from_str::<Config>("unknown = 1").unwrap_err();
    let known = known.message().split_once("expected one of ").unwrap().1;
    for option in known.split(", ").map(|name| name.trim_matches('`')) {
        assert!(keys.contains(&option), "the example lacks `{option}`");
    }
}

#[test]
fn the_example_is_the_default_with_a_drop_in() {
    let expected = Config {
        dropin: example().dropin,
        restart: example().restart,
        ..Config::default()
    };
    assert_eq!(example(), expected);
}
