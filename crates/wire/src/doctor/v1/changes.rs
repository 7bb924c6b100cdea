//! The table of what is known to go wrong with v1, the likely things first.

use std::collections::HashMap;

use super::recipe::{Encoding, Recipe};
use super::{Deviation as D, Table};
use crate::doctor::{Question, compare, variants};
use crate::form;
use crate::tc3::without_port;
use crate::v1::Algorithm;

type Changes<'a> = Table<'a, Recipe<'a>>;

/// All ways that are accepted, the usual one first.
pub(super) fn accepted<'a>(right: &Recipe<'a>) -> Vec<Recipe<'a>> {
    let of_host = |recipe: Recipe<'a>| {
        let mut portless = recipe.clone();
        leave_port_out(&mut portless);
        [recipe, portless]
    };
    let changed = |change: fn(&mut Recipe<'a>)| {
        let mut recipe = right.clone();
        change(&mut recipe);
        recipe
    };
    let namings = [right.clone(), changed(python_names), changed(java_names)];
    namings.into_iter().flat_map(of_host).collect()
}

/// Everything that is known.
pub(super) fn table<'a>(
    question: &Question<'a>,
    right: &Recipe<'a>,
    sent: &'a [u8],
) -> Changes<'a> {
    let mut table = Table::new();
    for own in question
        .string_to_sign
        .iter()
        .flat_map(|own| compare::texts(own))
    {
        table.add(D::OwnStringToSign, move |r: &mut Recipe<'a>| {
            r.string_to_sign = Some(own.clone());
        });
    }
    table.add(D::HostWithoutPort, leave_port_out);
    table.add(D::DottedNames, python_names);
    table.add(D::DottedNames, java_names);
    if right.pairs.len() > MOST_PARAMETERS {
        return table;
    }
    parameters(&mut table, sent, right);
    table.add(D::SignatureNotEncoded, |r| r.encoding = Encoding::Spaced);
    table.add(D::Algorithm, |r| r.algorithm = other(r.algorithm));
    for (deviation, secret) in variants::secrets(question) {
        table.add(deviation, move |r| r.secret.clone_from(&secret));
    }
    table.add(D::Prefix, |r| r.secret.insert_str(0, "TC3"));
    head(&mut table, question);
    table.add(D::SwappedArguments, |r| r.swapped = true);
    table.add(D::SignatureEncoding, |r| r.encoding = Encoding::Hex);
    table.add(D::SignatureEncoding, |r| r.encoding = Encoding::HexInBase64);
    table
}

fn parameters<'a>(table: &mut Changes<'a>, sent: &'a [u8], right: &Recipe<'a>) {
    let encoded = [form::encoded, |text: &str| {
        form::encoded(text).replace("%20", "+")
    }];
    for encode in encoded {
        table.add(D::ValuesEncoded, move |r| {
            for (_, value) in &mut r.pairs {
                *value = encode(value).into();
            }
        });
    }
    let in_sent_order = form::decode(sent).unwrap_or_default().into_iter();
    let places: HashMap<_, _> = in_sent_order.map(|(name, _)| name).zip(0..).collect();
    table.add(D::Unsorted, move |r| {
        r.pairs
            .sort_by_key(|(name, _)| places.get(name).copied().unwrap_or(0_usize));
    });
    table.add(D::Unsorted, |r| {
        r.pairs.sort_by(|one, other| by_number(&one.0, &other.0));
    });
    table.add(D::SortedWithoutCase, |r| {
        r.pairs.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    });
    table.add(D::SignatureLeftIn, |r| {
        r.pairs.push(("Signature".into(), "".into()));
        r.pairs.sort_unstable();
    });
    table.add(D::ParameterLeftOut, |r| {
        r.pairs.retain(|(_, value)| !value.is_empty());
    });
    for (left_out, _) in right.pairs.iter().take(MOST_LEFT_OUT).cloned() {
        table.add(D::ParameterLeftOut, move |r| {
            r.pairs.retain(|(name, _)| *name != left_out);
        });
    }
}

/// Each attempt copies and sorts the parameters; no honest call has nearly as many.
const MOST_PARAMETERS: usize = 2_000;
/// For how many parameters it is tried whether they were left out.
const MOST_LEFT_OUT: usize = 50;

/// `InstanceIds.2` before `InstanceIds.12`, which is not the order of bytes.
fn by_number(one: &str, other: &str) -> std::cmp::Ordering {
    let parts = |name: &str| -> Vec<(Option<u64>, String)> {
        let parts = name.split('.');
        parts
            .map(|part| (part.parse().ok(), part.to_owned()))
            .collect()
    };
    parts(one).cmp(&parts(other))
}

fn head<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    for path in variants::paths(question) {
        table.add(D::Path, move |r| r.path = path.clone().into());
    }
    table.add(D::Query, |r| r.mark = "");
    let other = variants::other_method(question);
    table.add(D::Method, move |r| r.method = other.into());
    table.add(D::Method, |r| {
        r.method = r.method.to_ascii_lowercase().into();
    });
    for (deviation, host) in variants::hosts(question, "cdb") {
        table.add(deviation, move |r| r.host = host.clone().into());
    }
}

fn other(algorithm: Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::HmacSha1 => Algorithm::HmacSha256,
        Algorithm::HmacSha256 => Algorithm::HmacSha1,
    }
}

fn leave_port_out(recipe: &mut Recipe<'_>) {
    if let Some(name) = without_port(&recipe.host) {
        recipe.host = name.to_owned().into();
    }
}

/// `_` becomes `.`, then names are sorted.
fn python_names(recipe: &mut Recipe<'_>) {
    java_names(recipe);
    recipe.pairs.sort();
}

/// Names are sorted, then `_` becomes `.`.
fn java_names(recipe: &mut Recipe<'_>) {
    for (name, _) in &mut recipe.pairs {
        *name = name.replace('_', ".").into();
    }
}
