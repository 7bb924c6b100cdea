use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// So few need no progress.
const FEW: usize = 8;

/// A bar on a terminal, a line for each quarter elsewhere; both on standard error.
pub(crate) enum Progress {
    /// There is too little to do.
    None,
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere.
    Lines {
        /// How many there are to do.
        total: usize,
        /// What is done to them.
        verb: &'static str,
    },
    /// What is being done, where nobody knows how long it takes: a line for each step.
    Steps(Option<ProgressBar>),
}

impl Progress {
    /// Begins to tell that so many are "probed", say.
    pub(crate) fn of(total: usize, verb: &'static str) -> Self {
        if total < FEW {
            return Self::None;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { total, verb };
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
            .expect("the template is well-formed");
        let bar = ProgressBar::new(total as u64).with_style(style);
        Self::Bar(bar.with_message(verb))
    }

    /// Begins to tell of steps.
    pub(crate) fn steps() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Steps(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Steps(Some(bar))
    }

    /// This is being done now.
    pub(crate) fn say(&self, what: &str) {
        match self {
            Self::Steps(Some(bar)) => bar.set_message(what.to_owned()),
            Self::Steps(None) => eprintln!("{what}"),
            Self::None | Self::Bar(_) | Self::Lines { .. } => {}
        }
    }

    /// So many are done.
    pub(crate) fn tell(&self, done: usize) {
        match self {
            Self::None | Self::Steps(_) => {}
            Self::Bar(bar) => bar.set_position(done as u64),
            Self::Lines { total, verb } => {
                let quarter = |count: usize| count * 4 / total;
                if quarter(done) > quarter(done - 1) {
                    eprintln!("{done}/{total} {verb}");
                }
            }
        }
    }

    /// All are done.
    pub(crate) fn end(&self) {
        if let Self::Bar(bar) | Self::Steps(Some(bar)) = self {
            bar.finish_and_clear();
        }
    }
}
