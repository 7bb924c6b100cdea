use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wire::{SecretId, SecretKey};

use crate::failure::Failure;
use crate::settings::from_env;

/// Where `signet serve` listens unless told otherwise.
pub(crate) const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:7780";

/// Whom a command speaks to, and as whom.
pub(crate) struct Identity {
    /// Like `http://127.0.0.1:7780`.
    pub(crate) endpoint: String,
    /// The public half of the key.
    pub(crate) secret_id: SecretId,
    /// The secret half.
    pub(crate) secret_key: SecretKey,
    /// The CA of an https endpoint, where it is none of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Sent as `X-TC-Region`.
    pub(crate) region: Option<String>,
}

/// One table of `profiles.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    endpoint: Option<String>,
    secret_id: Option<String>,
    secret_key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    region: Option<String>,
}

impl Identity {
    /// A profile that is named goes first; else the environment, and what it leaves open is taken from `[default]`.
    pub(crate) fn find(profile: Option<&str>) -> Result<Self, Failure> {
        let file = profiles_file();
        match profile {
            Some(name) => {
                let file = file.ok_or_else(|| {
                    Failure::failed("--profile needs HOME or XDG_CONFIG_HOME to be set")
                })?;
                let profile = read(&file, name)?.ok_or_else(|| {
                    Failure::failed(format!("{}: there is no profile [{name}]", file.display()))
                })?;
                Self::of_profile(profile, &file)
            }
            None => {
                let default = file.as_deref().map(|file| read(file, "default"));
                let default = default.transpose()?.flatten().unwrap_or_default();
                Self::of_environment(default, file.as_deref())
            }
        }
    }

    fn of_environment(default: Profile, file: Option<&Path>) -> Result<Self, Failure> {
        const ID: &str = "TENCENTCLOUD_SECRET_ID";
        const KEY: &str = "TENCENTCLOUD_SECRET_KEY";
        let default = Profile {
            endpoint: from_env("SIGNET_ENDPOINT").or(default.endpoint),
            ca_file: from_env("SIGNET_CA_FILE")
                .map(PathBuf::from)
                .or(default.ca_file),
            region: from_env("TENCENTCLOUD_REGION").or(default.region),
            ..default
        };
        match (from_env(ID), from_env(KEY)) {
            (Some(id), Some(key)) => Self::new(default, &id, SecretKey::new(key)),
            (None, None) => match file {
                Some(file) if default.secret_id.is_some() => Self::of_profile(default, file),
                _ => Err(Failure::failed(format!(
                    "no key to sign with: set {ID} and {KEY} (`signet serve` shows a pair on its first start), \
                     or write a profile into ~/.config/signet/profiles.toml"
                ))),
            },
            _ => Err(Failure::failed(format!("set {ID} and {KEY} together"))),
        }
    }

    fn of_profile(profile: Profile, file: &Path) -> Result<Self, Failure> {
        let missing =
            |key: &str| Failure::failed(format!("{}: `{key}` is missing", file.display()));
        let id = profile
            .secret_id
            .clone()
            .ok_or_else(|| missing("secret_id"))?;
        let key_file = profile
            .secret_key_file
            .as_ref()
            .ok_or_else(|| missing("secret_key_file"))?;
        // A relative path is meant from where the profile is.
        let folder = file.parent().unwrap_or(Path::new(""));
        let key = SecretKey::new(secret(&folder.join(key_file))?);
        let ca_file = profile.ca_file.as_ref().map(|path| folder.join(path));
        Self::new(Profile { ca_file, ..profile }, &id, key)
    }

    fn new(profile: Profile, id: &str, secret_key: SecretKey) -> Result<Self, Failure> {
        Ok(Self {
            endpoint: profile
                .endpoint
                .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned()),
            secret_id: SecretId::new(id).map_err(Failure::failed)?,
            secret_key,
            ca_file: profile.ca_file,
            region: profile.region,
        })
    }
}

/// The first line of a file that nobody but its owner may read; `-` is standard input.
pub(crate) fn secret(path: &Path) -> Result<String, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).map_err(|e| failed(e.to_string()))?
    } else {
        let mode = fs::metadata(path)
            .map_err(|e| failed(e.to_string()))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(failed(format!(
                "others may read this secret (mode {:04o}): run `chmod 600` on it",
                mode & 0o7777
            )));
        }
        fs::read_to_string(path).map_err(|e| failed(e.to_string()))?
    };
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(failed(
            "its first line is empty, and should be the secret".to_owned(),
        )),
    }
}

fn profiles_file() -> Option<PathBuf> {
    let home = || from_env("HOME").map(|home| Path::new(&home).join(".config"));
    let folder = from_env("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(home)?;
    Some(folder.join("signet/profiles.toml"))
}

/// The profile of this name, if there is one. A missing file has none.
fn read(file: &Path, name: &str) -> Result<Option<Profile>, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", file.display()));
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let mut profiles: std::collections::BTreeMap<String, Profile> =
        toml::from_str(&text).map_err(|e| failed(e.to_string()))?;
    Ok(profiles.remove(name))
}
