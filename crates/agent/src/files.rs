//! Changes on disk that survive a crash and a power cut: afterwards a file is as it was or as it should be, whole, and
//! whatever was reported as done is there.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Something on disk could not be read or changed; what was there before is there still.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {cause}{}", advice(.cause))]
pub(crate) struct FileError {
    doing: String,
    cause: io::Error,
}

impl FileError {
    /// Says of an error what was being done: `map_err(FileError::at("write", path))`.
    pub(crate) fn at(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{verb} {}", path.display());
        move |cause| Self { doing, cause }
    }
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room on that file system and try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the agent's service must be allowed to write there (ReadWritePaths=)"
        }
        io::ErrorKind::PermissionDenied => "; the user that the agent runs as needs the permission",
        _ => "",
    }
}

/// Whose a file is and who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// User and group; as the agent makes it when absent.
    pub(crate) owner: Option<(u32, u32)>,
}

impl Access {
    /// For the agent alone.
    pub(crate) const PRIVATE: Self = Self {
        mode: 0o600,
        owner: None,
    };
    /// For everybody to read.
    pub(crate) const PUBLIC: Self = Self {
        mode: 0o644,
        owner: None,
    };
}

/// Writes a new file, down to the disk. Its name is safe only once its folder is: [`sync_folder`].
pub(crate) fn create(path: &Path, contents: &[u8], access: Access) -> Result<(), FileError> {
    try_create(path, contents, access).map_err(FileError::at("write", path))
}

fn try_create(path: &Path, contents: &[u8], access: Access) -> io::Result<()> {
    // For nobody else until it is the right owner's.
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    if let Some((user, group)) = access.owner {
        std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode))?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Puts a file in place of the one that is there, if there is one.
pub(crate) fn replace(path: &Path, contents: &[u8], access: Access) -> Result<(), FileError> {
    let new = beside(path);
    remove_if_there(&new)?;
    create(&new, contents, access).inspect_err(|_| drop(fs::remove_file(&new)))?;
    rename(&new, path)
}

/// Makes `path` a symbolic link to `target`, in place of what is there.
pub(crate) fn link(path: &Path, target: &str) -> Result<(), FileError> {
    let new = beside(path);
    remove_if_there(&new)?;
    std::os::unix::fs::symlink(target, &new).map_err(FileError::at("make the link", &new))?;
    rename(&new, path)
}

/// Moves a file, a link or a folder within its folder, in place of what is there.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::at("put in place", to))?;
    sync_folder(folder_of(to))
}

/// Removes a file or a link; nothing to remove is fine.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    if remove_if_there(path)? {
        sync_folder(folder_of(path))?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<bool, FileError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(FileError::at("remove", path)(e)),
    }
}

/// Removes what a crash left of files that were being written: one of them may hold a key.
pub(crate) fn remove_unfinished(folder: &Path) -> Result<(), FileError> {
    let entries = fs::read_dir(folder).map_err(FileError::at("read", folder))?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.path());
    names
        .filter(|path| is_unfinished(path) && path.is_file())
        .try_for_each(|path| remove(&path))
}

/// Whether it is the name of a file or folder that was being written.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".new")
}

/// Removes a folder with what is in it; nothing to remove is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Makes a folder, and those above it, if they are missing.
pub(crate) fn folder(path: &Path, access: Access) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        folder(
            above,
            Access {
                mode: 0o755,
                owner: None,
            },
        )?;
    }
    try_folder(path, access).map_err(FileError::at("make the folder", path))?;
    sync_folder(folder_of(path))
}

fn try_folder(path: &Path, access: Access) -> io::Result<()> {
    fs::create_dir(path)?;
    if let Some((user, group)) = access.owner {
        std::os::unix::fs::chown(path, Some(user), Some(group))?;
    }
    fs::set_permissions(path, Permissions::from_mode(access.mode))
}

/// Makes the names in a folder safe.
pub(crate) fn sync_folder(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(FileError::at("write", path))
}

/// What a file holds; `None` when it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, FileError> {
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|mut file| {
        // At once, so that no copy is left behind when a buffer that holds a key grows.
        text.reserve_exact(usize::try_from(file.metadata()?.len()).unwrap_or(0) + 1);
        file.read_to_string(&mut text)
    });
    match read {
        Ok(_) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(FileError::at("read", path)(e)),
    }
}

/// What a link points to; `None` when it is not there.
pub(crate) fn target_of(link: &Path) -> Result<Option<String>, FileError> {
    match fs::read_link(link) {
        Ok(target) => Ok(target.to_str().map(str::to_owned)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(FileError::at("read the link", link)(e)),
    }
}

/// The name under which the next version of a file is written. No server reads it: it does not end in `.cnf`.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
