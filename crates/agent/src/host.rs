use std::path::Path;

use crate::access;
use crate::accounts::Accounts;
use crate::ambient::Clock;
use crate::config::Config;
use crate::dropin::DropIn;
use crate::files::Access;
use crate::state::State;
use crate::versions::Versions;

/// Everything on this host that orders are about.
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) state: State,
    pub(crate) clock: Clock,
    /// The node that the agent looks after.
    pub(crate) node: String,
}

/// Why an order could not be done: the sentence that the operator reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Host {
    /// The certificates of the server.
    pub(crate) fn versions(&self) -> Versions {
        Versions::new(&self.config.folder)
    }

    /// The file that the server reads when it starts, if one is configured.
    pub(crate) fn dropin(&self) -> Option<DropIn> {
        self.config.dropin.as_deref().map(DropIn::at)
    }

    /// Whose the files of certificates are.
    pub(crate) fn access(&self) -> Result<Access, Failure> {
        let present = self.versions().served().key;
        Ok(access::of_files(
            &self.config,
            &Accounts::of_this_host(),
            &present,
        )?)
    }

    /// The server's user can read all of these.
    pub(crate) fn check_readable<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), Failure> {
        let user = access::server_user(&self.config, &Accounts::of_this_host())?;
        for path in paths {
            access::check_readable(path, &user).map_err(Failure)?;
        }
        Ok(())
    }
}
