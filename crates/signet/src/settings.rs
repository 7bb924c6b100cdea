use std::env;
use std::path::{Path, PathBuf};

use server::{Config, RootKey};
use wire::{SecretId, SecretKey};

use crate::cli::{CheckConfig, Serve};
use crate::failure::Failure;
use crate::show;

/// Read when no other file is named and it is there.
const DEFAULT_FILE: &str = "signet.toml";

/// The configuration of `signet serve`: its flags go before the environment, then the file, then the defaults.
pub(crate) fn of_serve(args: &Serve) -> Result<Config, Failure> {
    let mut config = read(&args.config)?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    config.check().map_err(Failure::failed)?;
    Ok(config)
}

/// `signet check-config`.
pub(crate) fn print(args: &CheckConfig) -> Result<(), Failure> {
    let config = read(args)?;
    config.check().map_err(Failure::failed)?;
    let text = toml::to_string(&config).map_err(Failure::failed)?;
    show::out(text.trim_end())
}

/// The root key that the environment gives, or the systemd credential `root-key` with the same two lines: `SIGNET_ROOT_SECRET_ID` and
/// `SIGNET_ROOT_SECRET_KEY`, both or neither.
pub(crate) fn root_key() -> Result<Option<RootKey>, Failure> {
    const ID: &str = "SIGNET_ROOT_SECRET_ID";
    const KEY: &str = "SIGNET_ROOT_SECRET_KEY";
    let text = match credential("root-key") {
        Some(file) => std::fs::read_to_string(&file)
            .map_err(|e| Failure::failed(format!("{}: {e}", file.display())))?,
        None => String::new(),
    };
    let given = |name: &str| from_env(name).or_else(|| value_of(&text, name));
    match (given(ID), given(KEY)) {
        (None, None) => Ok(None),
        (Some(id), Some(key)) => {
            let secret_id = SecretId::new(id).map_err(|e| Failure::failed(format!("{ID}: {e}")))?;
            let secret_key = SecretKey::new(key);
            Ok(Some(RootKey {
                secret_id,
                secret_key,
            }))
        }
        _ => Err(Failure::failed(format!(
            "set {ID} and {KEY} together, or neither"
        ))),
    }
}

/// The file of a systemd credential (`LoadCredential=`), if there is one of this name.
fn credential(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(from_env("CREDENTIALS_DIRECTORY")?);
    Some(folder.join(name)).filter(|file| file.exists())
}

/// The value of a line `NAME=value`.
fn value_of(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.trim().split_once('='));
    let (_, value) = lines.find(|(known, _)| *known == name)?;
    Some(value.trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// A variable of the environment; an empty one counts as not set.
pub(crate) fn from_env(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The configuration as the file and the environment say.
pub(crate) fn read(args: &CheckConfig) -> Result<Config, Failure> {
    let default = Path::new(DEFAULT_FILE);
    let file = args
        .config
        .as_deref()
        .or_else(|| default.exists().then_some(default));
    let mut config = match file {
        Some(file) => Config::read(file).map_err(Failure::failed)?,
        None => Config::default(),
    };
    if let Some(path) = from_env("SIGNET_MASTER_KEY_FILE") {
        config.master_key_file = path.into();
    } else if config.master_key_file.as_os_str().is_empty()
        && let Some(file) = credential("master.key")
    {
        config.master_key_file = file;
    }
    Ok(config)
}
