//! What `wire` and `ca` cost, from the files that `cargo bench` leaves behind.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use crate::table::{Row, Table};

/// The benchmarks with a gate, in nanoseconds.
const GATES: [(&str, f64); 3] = [
    ("tc3/verify, derived key cached", 500.0),
    ("tc3/verify, key derived anew", 1400.0),
    ("issue/P-256 key and certificate", 50_000.0),
];
/// The benchmarks that stand beside them.
const BESIDE: [&str; 5] = [
    "v1/verify, HmacSHA1",
    "v1/verify, HmacSHA256",
    "envelope/parse, TC3",
    "envelope/parameters, JSON",
    "issue/certificate alone",
];

/// Adds the figures found in criterion's folder to the table.
///
/// # Errors
/// When a benchmark is missing, or its files cannot be read.
pub fn measure(folder: &Path, table: &mut Table) -> anyhow::Result<()> {
    let medians = medians(folder)?;
    let median = |name: &str| {
        let found = medians.iter().find(|(id, _)| id == name);
        found.map(|(_, nanos)| *nanos).with_context(|| {
            format!(
                "{} has no `{name}`; run cargo bench -p wire -p ca",
                folder.display()
            )
        })
    };
    table.section("`wire` and `ca`, one core, criterion's medians");
    for (name, limit) in GATES {
        let nanos = median(name)?;
        let row = Row::new(name, duration(nanos));
        table.add(row.gate(format!("≤ {}", duration(limit)), nanos <= limit));
    }
    for name in BESIDE {
        table.add(Row::new(name, duration(median(name)?)));
    }
    Ok(())
}

fn duration(nanos: f64) -> String {
    if nanos < 10_000.0 {
        format!("{nanos:.0} ns")
    } else {
        format!("{:.1} µs", nanos / 1e3)
    }
}

/// Every benchmark's name with its median, in nanoseconds.
fn medians(folder: &Path) -> anyhow::Result<Vec<(String, f64)>> {
    let folders = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut medians = Vec::new();
    for entry in folders {
        let newest = entry?.path().join("new");
        if !newest.is_dir() {
            continue; // criterion's own report
        }
        let (about, estimates) = (
            json(&newest.join("benchmark.json"))?,
            json(&newest.join("estimates.json"))?,
        );
        let name = about["full_id"]
            .as_str()
            .context("benchmark.json without full_id")?;
        let nanos = estimates["median"]["point_estimate"].as_f64();
        medians.push((
            name.to_owned(),
            nanos.context("estimates.json without a median")?,
        ));
    }
    Ok(medians)
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, nanos: f64) {
        let newest = folder.join(name.replace('/', "_")).join("new");
        fs::create_dir_all(&newest).unwrap();
        fs::write(
            newest.join("benchmark.json"),
            format!(r#"{{"full_id":"{name}"}}"#),
        )
        .unwrap();
        fs::write(
            newest.join("estimates.json"),
            format!(r#"{{"median":{{"point_estimate":{nanos}}}}}"#),
        )
        .unwrap();
    }

    #[test]
    fn the_gates_are_held_against_the_medians() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("report")).unwrap();
        write(folder.path(), GATES[0].0, 612.0);
        write(folder.path(), GATES[1].0, 1_399.6);
        write(folder.path(), GATES[2].0, 40_520.0);
        let missing = measure(folder.path(), &mut Table::default())
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("has no `v1/verify, HmacSHA1`"),
            "{missing}"
        );

        BESIDE
            .iter()
            .for_each(|name| write(folder.path(), name, 900.0));
        let mut table = Table::default();
        measure(folder.path(), &mut table).unwrap();
        assert_eq!(table.missed(), [GATES[0].0]);
        for line in [
            "| tc3/verify, key derived anew | 1400 ns |  | ≤ 1400 ns | met |",
            "| issue/P-256 key and certificate | 40.5 µs |  | ≤ 50.0 µs | met |",
        ] {
            assert!(table.render().contains(line), "{line}");
        }
    }
}
