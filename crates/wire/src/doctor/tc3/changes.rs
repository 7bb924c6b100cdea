//! The table of what is known to go wrong with TC3, the likely things first.

use std::borrow::Cow;

use super::recipe::{Case, Digested, Encoding, Keys, Recipe, header, sha256};
use super::{Deviation as D, Table};
use crate::doctor::{Body, Question, compare, json, variants};
use crate::form;
use crate::tc3::{utc_day, without_port};

type Changes<'a> = Table<'a, Recipe<'a>>;

/// All ways that are accepted, the usual one first.
pub(super) fn accepted<'a>(right: &Recipe<'a>) -> Vec<Recipe<'a>> {
    let cases = [Case::Sdk, Case::Document, Case::Kept];
    let in_case = |case| Recipe {
        case,
        ..right.clone()
    };
    let of_case = |recipe: Recipe<'a>| {
        let mut portless = recipe.clone();
        leave_port_out(&mut portless);
        [recipe, portless]
    };
    cases.map(in_case).into_iter().flat_map(of_case).collect()
}

/// Everything that is known.
pub(super) fn table<'a>(question: &Question<'a>, right: &Recipe<'a>) -> Changes<'a> {
    let mut table = Table::new();
    own_texts(&mut table, question);
    table.add(D::HostWithoutPort, leave_port_out);
    table.add(D::HeadersInLowerCase, |r| r.case = Case::Document);
    table.add(D::HeadersAsTheyAre, |r| r.case = Case::Kept);
    table.add(D::Prefix, |r| r.prefix = "");
    payload_hashes(&mut table, question);
    content_types(&mut table, question);
    query(&mut table, question);
    canonical_request(&mut table, question);
    dates(&mut table, right);
    key(&mut table, question, right);
    string_to_sign(&mut table, right);
    hosts(&mut table, question, right);
    table.add(D::SignatureEncoding, |r| r.encoding = Encoding::Base64);
    table.add(D::SignatureInCapitals, |r| {
        r.encoding = Encoding::HexInCapitals;
    });
    table
}

/// The signature may fit what the client made, which then is where the mistake is.
fn own_texts<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    for own in question
        .string_to_sign
        .iter()
        .flat_map(|own| compare::texts(own))
    {
        table.add(D::OwnStringToSign, move |r| {
            r.string_to_sign = Some(own.clone());
        });
    }
    for own in question
        .canonical_request
        .iter()
        .flat_map(|own| compare::texts(own))
    {
        table.add(D::OwnCanonicalRequest, move |r| {
            r.canonical_request = Some(own.clone());
        });
    }
}

fn payload_hashes<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    let mut hashed = |deviation, hash: String| {
        table.add(deviation, move |r: &mut Recipe<'a>| {
            r.payload = Some(hash.clone().into());
        });
    };
    hashed(D::PayloadEmpty, sha256(b""));
    if let Body::Whole(body) = &question.request.body {
        for other in with_other_end(body) {
            hashed(D::PayloadNewline, sha256(&other));
        }
        for other in json::other_ways(body) {
            hashed(D::PayloadJson, sha256(other.as_bytes()));
        }
        let text = String::from_utf8_lossy(body);
        let with_lf = text.replace("\r\n", "\n");
        hashed(D::PayloadLineEnds, sha256(with_lf.as_bytes()));
        hashed(
            D::PayloadLineEnds,
            sha256(with_lf.replace('\n', "\r\n").as_bytes()),
        );
        hashed(D::PayloadUnsigned, sha256(body)); // where the header says otherwise
        if body.len() <= LONGEST_IN_CLEAR {
            hashed(D::PayloadNotHashed, text.into_owned());
        }
    }
    hashed(D::PayloadNull, sha256(b"null"));
    hashed(D::PayloadNull, sha256(b"{}"));
    hashed(D::PayloadUnsigned, sha256(b"UNSIGNED-PAYLOAD"));
    hashed(D::PayloadUnsigned, "UNSIGNED-PAYLOAD".to_owned());
    hashed(D::PayloadHashMissing, String::new());
    table.add(D::PayloadHashMissing, |r| r.payload = None);
    table.add(D::PayloadHashInCapitals, |r| {
        r.payload = r
            .payload
            .as_ref()
            .map(|hash| hash.to_ascii_uppercase().into());
    });
}

/// What stands in the canonical request is hashed once for every attempt.
const LONGEST_IN_CLEAR: usize = 64 << 10;

fn with_other_end(body: &[u8]) -> Vec<Vec<u8>> {
    let stripped = [&b"\r\n"[..], b"\n"];
    let stripped = stripped.iter().filter_map(|end| body.strip_suffix(*end));
    let added = [&b"\n"[..], b"\r\n"];
    let added = added.iter().map(|end| [body, end].concat());
    stripped.map(<[u8]>::to_vec).chain(added).collect()
}

fn content_types<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    let sent = header(question, "content-type");
    let base = sent
        .split(';')
        .next()
        .unwrap_or_default()
        .trim_ascii()
        .to_owned();
    let charsets = ["", "; charset=utf-8", ";charset=utf-8", "; charset=UTF-8"];
    let charsets = charsets.map(|charset| (D::Charset, format!("{base}{charset}")));
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "",
    ];
    let types = types.map(|name| (D::ContentType, name.to_owned()));
    for (deviation, signed) in charsets.into_iter().chain(types) {
        table.add(deviation, move |r| set(r, "content-type", &signed));
    }
}

fn query<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    let query = question.request.query.as_str();
    let mut instead = |deviation, query: String| {
        table.add(deviation, move |r: &mut Recipe<'a>| {
            r.query = query.clone().into();
        });
    };
    instead(D::Query, String::new());
    instead(D::Query, format!("?{query}"));
    instead(D::QuerySorted, sorted(query));
    instead(D::QueryEncoding, query.replace('+', "%20"));
    instead(D::QueryEncoding, query.replace("%20", "+"));
    if let Ok(pairs) = form::decode(query.as_bytes()) {
        let raw: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let encoded = form::encode(pairs);
        instead(D::QueryEncoding, encoded.clone());
        instead(D::QuerySorted, sorted(&encoded));
        instead(D::QueryEncoding, raw.join("&"));
    }
}

fn sorted(query: &str) -> String {
    let mut pieces: Vec<_> = query.split('&').collect();
    pieces.sort_unstable();
    pieces.join("&")
}

fn canonical_request<'a>(table: &mut Changes<'a>, question: &Question<'a>) {
    table.add(D::BlankLine, |r| r.blank_line = false);
    for path in variants::paths(question) {
        table.add(D::Path, move |r| r.path = path.clone().into());
    }
    table.add(D::CanonicalLineEnds, |r| r.canonical.between = "\r\n");
    table.add(D::CanonicalNewline, |r| r.canonical.after = "\n");
    table.add(D::HeaderOrder, |r| r.headers.reverse());
    table.add(D::HeaderOrder, |r| r.headers.sort());
    table.add(D::HeaderOrder, |r| {
        r.headers.reverse();
        list_names(r);
    });
    table.add(D::HeaderOrder, |r| {
        r.headers.sort();
        list_names(r);
    });
    table.add(D::HeaderNames, title_names);
    table.add(D::HeaderNames, |r| {
        title_names(r);
        list_names(r);
    });
    table.add(D::HeaderSpace, |r| r.colon = ": ");
    let other = variants::other_method(question);
    table.add(D::Method, move |r| r.method = other.into());
    table.add(D::Method, |r| {
        r.method = r.method.to_ascii_lowercase().into();
    });
}

fn dates<'a>(table: &mut Changes<'a>, right: &Recipe<'a>) {
    let seconds: Option<i64> = right.timestamp.parse().ok();
    let days = [0, 86_400, -86_400].map(|offset| utc_day(seconds?.checked_add(offset)?));
    let compact = right.derivation[0].replace('-', "");
    for date in days.into_iter().flatten().chain([compact]) {
        table.add(D::DerivationDate, move |r| derive_over(r, 0, &date));
    }
}

/// Puts another part into the derivation, unless it was cut off before.
fn derive_over(recipe: &mut Recipe<'_>, place: usize, part: &str) {
    if let Some(old) = recipe.derivation.get_mut(place) {
        *old = part.to_owned().into();
    }
}

fn key<'a>(table: &mut Changes<'a>, question: &Question<'a>, right: &Recipe<'a>) {
    for (deviation, secret) in variants::secrets(question) {
        table.add(deviation, move |r| r.secret.clone_from(&secret));
    }
    table.add(D::HexKeys, |r| r.keys = Keys::LastHex);
    table.add(D::HexKeys, |r| r.keys = Keys::Hex);
    for swapped in [[true, true], [true, false], [false, true]] {
        table.add(D::SwappedArguments, move |r| r.swapped = swapped);
    }
    for order in [[1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let parts: Vec<_> = order
            .iter()
            .map(|at| right.derivation[*at].clone())
            .collect();
        table.add(D::DerivationOrder, move |r| r.derivation.clone_from(&parts));
    }
    for length in [2, 1, 0] {
        table.add(D::DerivationTooShort, move |r| {
            r.derivation.truncate(length);
        });
    }
    table.add(D::DerivationTooShort, |r| {
        r.derivation = [r.derivation.first(), r.derivation.last()]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
    });
    let label = question.request.host.split('.').next().unwrap_or_default();
    for service in [label, "cdb", "cvm", "tc3"] {
        table.add(D::DerivationService, move |r| derive_over(r, 1, service));
    }
}

fn string_to_sign<'a>(table: &mut Changes<'a>, right: &Recipe<'a>) {
    table.add(D::StringLineEnds, |r| r.string.between = "\r\n");
    table.add(D::StringNewline, |r| r.string.after = "\n");
    table.add(D::CanonicalHashInCapitals, |r| {
        r.canonical_hash = Digested::HashInCapitals;
    });
    table.add(D::CanonicalNotHashed, |r| {
        r.canonical_hash = Digested::Itself;
    });
    let seconds: Option<i64> = right.timestamp.parse().ok();
    for offset in [1, -1, 2, -2] {
        if let Some(other) = seconds.and_then(|seconds| seconds.checked_add(offset)) {
            table.add(D::OtherTimestamp, move |r| {
                r.timestamp = other.to_string().into();
            });
        }
    }
}

fn hosts<'a>(table: &mut Changes<'a>, question: &Question<'a>, right: &Recipe<'a>) {
    for (deviation, host) in variants::hosts(question, &right.derivation[1]) {
        table.add(deviation, move |r| set(r, "host", &host));
    }
}

fn leave_port_out(recipe: &mut Recipe<'_>) {
    let host = recipe.headers.iter_mut().find(|(name, _)| name == "host");
    if let Some((_, value)) = host
        && let Some(name) = without_port(value)
    {
        *value = name.to_owned().into();
    }
}

fn set(recipe: &mut Recipe<'_>, name: &str, value: &str) {
    for header in recipe.headers.iter_mut().filter(|(known, _)| known == name) {
        header.1 = value.to_owned().into();
    }
}

/// Makes the list of signed headers anew.
fn list_names(recipe: &mut Recipe<'_>) {
    let names: Vec<_> = recipe.headers.iter().map(|(name, _)| &**name).collect();
    recipe.signed_headers = names.join(";").into();
}

/// `Content-Type` for `content-type`.
fn title_names(recipe: &mut Recipe<'_>) {
    for (name, _) in &mut recipe.headers {
        let words = name.split('-').map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            first.to_ascii_uppercase() + rest
        });
        *name = Cow::from(words.collect::<Vec<_>>().join("-"));
    }
}
