//! Medians, and the table that is printed.

use std::fmt::{self, Write as _};

/// The middle of some figures; of an even number of them, the upper of the two in the middle.
///
/// # Panics
/// When there are none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Everything that was measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// One line of the table.
pub struct Row {
    what: String,
    figure: String,
    beside: String,
    gate: Option<(String, Verdict)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    NotJudged,
}

impl Row {
    /// What was measured, and the figure with its unit.
    pub fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            figure: figure.into(),
            beside: String::new(),
            gate: None,
        }
    }

    /// What stands beside it: a ratio, processor time.
    #[must_use]
    pub fn beside(self, beside: impl Into<String>) -> Self {
        Self {
            beside: beside.into(),
            ..self
        }
    }

    /// What it is held to, and whether it holds.
    #[must_use]
    pub fn gate(self, gate: impl Into<String>, holds: bool) -> Self {
        let verdict = match holds {
            true => Verdict::Met,
            false => Verdict::Missed,
        };
        Self {
            gate: Some((gate.into(), verdict)),
            ..self
        }
    }

    /// What it would be held to, had it been measured well enough to tell.
    #[must_use]
    pub fn not_judged(self, gate: impl Into<String>) -> Self {
        Self {
            gate: Some((gate.into(), Verdict::NotJudged)),
            ..self
        }
    }
}

impl Table {
    /// Adds a line, and shows it at once on standard error: a whole run takes minutes.
    pub fn add(&mut self, row: Row) {
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Adds a heading for the lines that follow.
    pub fn section(&mut self, title: &str) {
        self.add(Row::new(format!("**{title}**"), ""));
    }

    /// Adds a sentence below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// What did not hold.
    pub fn missed(&self) -> Vec<&str> {
        self.rows
            .iter()
            .filter(|row| matches!(row.gate, Some((_, Verdict::Missed))))
            .map(|row| row.what.as_str())
            .collect()
    }

    /// The table as Markdown.
    pub fn render(&self) -> String {
        let mut text = String::from("| | measured | beside it | gate | |\n|---|--:|---|---|---|\n");
        for row in &self.rows {
            writeln!(text, "{row}").expect("a String takes everything");
        }
        text.push('\n');
        for note in &self.notes {
            writeln!(text, "- {note}").expect("a String takes everything");
        }
        text
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            figure,
            beside,
            gate,
        } = self;
        let (gate, verdict) = match gate {
            None => ("", ""),
            Some((gate, Verdict::Met)) => (gate.as_str(), "met"),
            Some((gate, Verdict::Missed)) => (gate.as_str(), "**missed**"),
            Some((gate, Verdict::NotJudged)) => (gate.as_str(), "not judged"),
        };
        write!(f, "| {what} | {figure} | {beside} | {gate} | {verdict} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0, 900.0, 0.5]), 2.0);
        assert_eq!(median([7.0]), 7.0);
    }

    #[test]
    fn a_gate_that_does_not_hold_is_named() {
        let mut table = Table::default();
        table.section("Start");
        table.add(Row::new("to the first answer", "1.20 s").gate("≤ 1 s", false));
        table.add(
            Row::new("memory", "500 B")
                .beside("an instance")
                .gate("≤ 600 B", true),
        );
        table.add(Row::new("p99", "900 µs").not_judged("≤ 1.5×"));
        table.note("Fake.");
        assert_eq!(table.missed(), ["to the first answer"]);
        assert_eq!(
            table.render(),
            "| | measured | beside it | gate | |\n|---|--:|---|---|---|\n\
             | **Start** |  |  |  |  |\n\
             | to the first answer | 1.20 s |  | ≤ 1 s | **missed** |\n\
             | memory | 500 B | an instance | ≤ 600 B | met |\n\
             | p99 | 900 µs |  | ≤ 1.5× | not judged |\n\
             \n- Fake.\n"
        );
    }
}
