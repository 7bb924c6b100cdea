use dbtls::Report;

use crate::failure::Failure;
use crate::show::{self, or_dash};

/// One line for each target. `with_ca`: a CA was named, so that a chain can verify or not.
pub(super) fn table(reports: &[Report], with_ca: bool) -> String {
    let rows = reports.iter().map(|report| {
        let leaf = report.chain.first();
        let words = |text: Option<&String>| or_dash(text.map_or("", String::as_str));
        let verifies = if leaf.is_none() || !with_ca {
            "-"
        } else if report.chain_verifies {
            "yes"
        } else {
            "no"
        };
        [
            report.target.clone(),
            report.status.as_str().to_owned(),
            or_dash(&report.tls_version),
            or_dash(&report.cipher),
            or_dash(format!("{} {}", report.flavor, report.server_version).trim()),
            words(leaf.map(|leaf| &leaf.subject)),
            words(leaf.map(|leaf| &leaf.issuer)),
            if leaf.is_some() {
                report.days_left.to_string()
            } else {
                "-".to_owned()
            },
            verifies.to_owned(),
            or_dash(reason(report, with_ca)),
        ]
    });
    let heading = [
        "TARGET",
        "STATUS",
        "TLS",
        "CIPHER",
        "SERVER",
        "CERTIFICATE",
        "ISSUER",
        "DAYS LEFT",
        "VERIFIES",
        "REASON",
    ];
    show::table(heading, rows.collect())
}

/// What is most worth knowing: why the status is what it is, else why the chain does not verify.
fn reason(report: &Report, with_ca: bool) -> &str {
    if report.reason.is_empty() && with_ca {
        &report.chain_problem
    } else {
        &report.reason
    }
}

/// The same and a little more, a heading first.
pub(super) fn csv(reports: &[Report]) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Failure::failed(e);
    writer
        .write_record([
            "target",
            "status",
            "tls_version",
            "cipher",
            "flavor",
            "server_version",
            "subject",
            "issuer",
            "not_after",
            "days_left",
            "expired",
            "chain_verifies",
            "chain_problem",
            "reason",
        ])
        .map_err(failed)?;
    for report in reports {
        let leaf = report.chain.first();
        let of_leaf = |text: String| if leaf.is_some() { text } else { String::new() };
        writer
            .write_record([
                report.target.as_str(),
                report.status.as_str(),
                &report.tls_version,
                &report.cipher,
                &report.flavor,
                &report.server_version,
                leaf.map_or("", |leaf| &leaf.subject),
                leaf.map_or("", |leaf| &leaf.issuer),
                &report.not_after,
                &of_leaf(report.days_left.to_string()),
                &of_leaf(report.expired.to_string()),
                &of_leaf(report.chain_verifies.to_string()),
                &report.chain_problem,
                &report.reason,
            ])
            .map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|e| Failure::failed(e.error()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
