use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Fewer targets need no progress.
const FEW: usize = 8;

/// A bar on a terminal, a line for each quarter elsewhere; both on standard error.
pub(super) enum Progress {
    None,
    Bar(ProgressBar),
    Lines { total: usize },
}

impl Progress {
    /// Begins to tell of so many targets.
    pub(super) fn of(total: usize) -> Self {
        if total < FEW {
            return Self::None;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { total };
        }
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} probed, {eta} left")
            .expect("the template is well-formed");
        Self::Bar(ProgressBar::new(total as u64).with_style(style))
    }

    /// So many are done.
    pub(super) fn tell(&self, done: usize) {
        match self {
            Self::None => {}
            Self::Bar(bar) => bar.set_position(done as u64),
            Self::Lines { total } => {
                let quarter = |count: usize| count * 4 / total;
                if quarter(done) > quarter(done - 1) {
                    eprintln!("{done}/{total} probed");
                }
            }
        }
    }

    /// All are done.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
