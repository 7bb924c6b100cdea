//! Bar charts, measured here and drawn as SVG by a template. Every bar has its number, so that nobody needs the colours.

/// How high the highest bar is.
const HEIGHT: usize = 90;
/// From one bar to the next.
const STEP: usize = 46;
/// How wide a bar is.
const WIDTH: usize = 34;
/// What is left above the bars for their numbers.
const TOP: usize = 18;

/// What a bar says beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Watch,
    Bad,
    Plain,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Watch => "watch",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

/// One bar.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) count: usize,
    pub(super) class: &'static str,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) height: usize,
    pub(super) middle: usize,
}

/// A chart.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) bars: Vec<Bar>,
    pub(super) width: usize,
    pub(super) bar_width: usize,
    /// Where the bars stand.
    pub(super) ground: usize,
    pub(super) height: usize,
}

impl Chart {
    /// A chart of these counts, from left to right.
    pub(super) fn new(title: &'static str, counts: Vec<(String, usize, Tone)>) -> Self {
        let highest = counts.iter().map(|(_, count, _)| *count).max();
        let highest = highest.unwrap_or_default().max(1);
        let bar = |(place, (label, count, tone)): (usize, (String, usize, Tone))| {
            // One of ten thousand is still to be seen.
            let height = (count * HEIGHT / highest).max(usize::from(count > 0) * 2);
            let x = place * STEP + (STEP - WIDTH) / 2;
            Bar {
                label,
                count,
                class: tone.class(),
                x,
                y: TOP + HEIGHT - height,
                height,
                middle: x + WIDTH / 2,
            }
        };
        let width = counts.len() * STEP;
        Self {
            title,
            bars: counts.into_iter().enumerate().map(bar).collect(),
            width,
            bar_width: WIDTH,
            ground: TOP + HEIGHT,
            height: TOP + HEIGHT + 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_counts() {
        let counts = [("a", 10_000), ("b", 5000), ("c", 1), ("d", 0)];
        let counts = counts.map(|(label, count)| (label.to_owned(), count, Tone::Plain));
        let chart = Chart::new("", counts.to_vec());
        let heights: Vec<_> = chart.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [HEIGHT, HEIGHT / 2, 2, 0]);
        assert!(
            chart
                .bars
                .iter()
                .all(|bar| bar.y + bar.height == chart.ground)
        );
    }
}
