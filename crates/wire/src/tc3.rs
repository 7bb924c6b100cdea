//! TC3-HMAC-SHA256. The construction is that of the vendor's "Signature v3" document; where the clients differ from it or
//! from each other, a comment says so. Everything here was checked against requests of the official clients.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::envelope::Request;
use crate::headers::Headers;
use crate::{Refusal, SecretId, SecretKey, hex};

mod read;
mod reading;

pub(crate) use read::Authorization;
use reading::Reading;
pub(crate) use reading::without_port;

type HmacSha256 = Hmac<Sha256>;

/// The key that signs for one SecretKey, date and service: what a server caches. It holds the HMAC state after the key was
/// absorbed, cannot be printed, and is wiped when dropped.
pub struct SigningKey(HmacSha256);

impl SigningKey {
    /// Derives the key. `date` is `YYYY-MM-DD` in UTC, `service` whatever the credential scope says: the Java and Node SDKs
    /// take the first label of the endpoint for it, so that it can be `127` or `localhost:8080`.
    pub fn derive(key: &SecretKey, date: &str, service: &str) -> Self {
        let [_, _, signing_key] = derived_keys(key, date, service);
        Self(keyed(&*signing_key))
    }
}

/// The keys of the date, of the service, and of the signature.
pub(crate) fn derived_keys(key: &SecretKey, date: &str, service: &str) -> [Zeroizing<[u8; 32]>; 3] {
    let secret = Zeroizing::new(["TC3", key.expose()].concat());
    let date_key = mac(secret.as_bytes(), date);
    let service_key = mac(&*date_key, service);
    let signing_key = mac(&*service_key, "tc3_request");
    [date_key, service_key, signing_key]
}

fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn mac(key: &[u8], message: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(
        keyed(key)
            .chain_update(message)
            .finalize()
            .into_bytes()
            .into(),
    )
}

/// A TC3 signature and what it is a signature of.
pub struct Proof<'a> {
    /// The SecretId in the credential.
    pub secret_id: &'a str,
    /// The date in the credential scope, `YYYY-MM-DD`.
    pub date: &'a str,
    /// The service in the credential scope.
    pub service: &'a str,
    /// The names of the signed headers, in lower case, separated by `;`.
    pub signed_headers: &'a str,
    scope: &'a str,
    signature: &'a str,
    timestamp: &'a str,
    seconds: i64,
    unsigned_payload: bool,
    content_type: &'a str,
    request: &'a Request<'a>,
}

impl<'a> Proof<'a> {
    /// Reads the `Authorization` header.
    pub(crate) fn read(
        request: &'a Request<'a>,
        headers: &Headers<'a>,
        seconds: i64,
    ) -> Result<Self, Refusal> {
        let header = Authorization::read(headers.authorization.unwrap_or_default())?;
        let content_type = headers.content_type.unwrap_or_default();
        header.check_signed_headers(request, content_type)?;
        Ok(Self {
            secret_id: header.secret_id,
            date: header.date,
            service: header.service,
            signed_headers: header.signed_headers,
            scope: header.scope,
            signature: header.signature,
            timestamp: headers.timestamp.unwrap_or_default(),
            seconds,
            unsigned_payload: headers.unsigned_payload,
            content_type,
            request,
        })
    }

    /// True when `key` made this signature of this request, and the credential's date is the UTC date of the timestamp.
    ///
    /// The body is always hashed here, unless the caller asked for [`unsigned_payload`](Self::unsigned_payload). The
    /// signatures are compared in constant time. Nothing is allocated on the heap.
    pub fn verify(&self, key: &SigningKey) -> bool {
        self.date_agrees() && self.reading(key).is_some()
    }

    /// The way of reading the signed headers in which the signature is right.
    fn reading(&self, key: &SigningKey) -> Option<Reading<'a>> {
        let signature = hex::decode(self.signature)?;
        let payload = self.payload_hash();
        let fits = |reading: &Reading<'a>| {
            let canonical = self.canonical_hash(*reading, &payload);
            let mut mac = key.0.clone();
            self.write_string_to_sign(&canonical, &mut |bytes| mac.update(bytes));
            mac.verify_slice(&signature).is_ok()
        };
        Some(Reading::as_sent(self))
            .filter(fits)
            .or_else(|| Reading::others(self).find(fits))
    }

    /// What is signed, in the way of reading that the signature was made with; as sent where it is right in none.
    pub(crate) fn explained(&self, key: &SecretKey) -> Explained<'a> {
        let keys = derived_keys(key, self.date, self.service);
        let signing_key = SigningKey(keyed(&*keys[2]));
        let reading = self.reading(&signing_key);
        let (canonical_request, string_to_sign) =
            self.texts(reading.unwrap_or(Reading::as_sent(self)));
        let signature = hex::lower(&mac(&*keys[2], &string_to_sign));
        Explained {
            canonical_request,
            scope: self.scope,
            string_to_sign,
            keys,
            signature: String::from_utf8_lossy(&signature).into_owned(),
        }
    }

    /// True when the credential's date is the UTC date of the timestamp. No key need be derived when it is not.
    pub fn date_agrees(&self) -> bool {
        utc_date(self.seconds).is_some_and(|date| date == self.date.as_bytes())
    }

    /// True when the header of this name, in lower case, is among the signed ones.
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    /// True when [action and version](ACTION_HEADERS) are signed. The SDKs sign neither.
    pub fn signs_action(&self) -> bool {
        self.signed_headers != SIGNED_HEADERS && ACTION_HEADERS.iter().all(|name| self.signs(name))
    }

    /// The bytes of the signature; `None` when its text is not 64 digits, which no key verifies.
    pub(crate) fn mac(&self) -> Option<[u8; 32]> {
        hex::decode(self.signature)
    }

    /// True with `X-TC-Content-SHA256: UNSIGNED-PAYLOAD`: the body is not covered by the signature. The header itself is not
    /// signed either, so an operator may want to forbid it.
    pub fn unsigned_payload(&self) -> bool {
        self.unsigned_payload
    }

    /// The canonical request as the SDKs build it, with the host as received. For whoever looks for the difference to his own.
    pub fn canonical_request(&self) -> String {
        self.texts(Reading::as_sent(self)).0
    }

    /// The string to sign, for [`canonical_request`](Self::canonical_request).
    pub fn string_to_sign(&self) -> String {
        self.texts(Reading::as_sent(self)).1
    }

    /// Canonical request and string to sign.
    fn texts(&self, reading: Reading<'_>) -> (String, String) {
        let payload = self.payload_hash();
        let (mut canonical, mut to_sign) = (Vec::new(), Vec::new());
        self.write_canonical(reading, &payload, &mut |bytes| {
            canonical.extend_from_slice(bytes);
        });
        let hash = self.canonical_hash(reading, &payload);
        self.write_string_to_sign(&hash, &mut |bytes| to_sign.extend_from_slice(bytes));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(canonical), text(to_sign))
    }

    fn payload_hash(&self) -> [u8; 64] {
        let payload = if self.unsigned_payload {
            UNSIGNED_PAYLOAD
        } else {
            self.request.body
        };
        hex::lower(&Sha256::digest(payload).into())
    }

    fn canonical_hash(&self, reading: Reading<'_>, payload: &[u8; 64]) -> [u8; 64] {
        let mut hash = Sha256::new();
        self.write_canonical(reading, payload, &mut |bytes| hash.update(bytes));
        hex::lower(&hash.finalize().into())
    }

    /// Method, path (always `/`, the Go SDK signs that even for an endpoint with a path), the raw query string as it came,
    /// headers, their names, payload hash.
    fn write_canonical(
        &self,
        reading: Reading<'_>,
        payload: &[u8; 64],
        sink: &mut impl FnMut(&[u8]),
    ) {
        let Request { method, query, .. } = self.request;
        if let Some(host) = reading.of_an_sdk(self) {
            let parts = [method.as_str(), query, self.content_type, host];
            return write_sdk_canonical(parts, payload, sink);
        }
        sink(method.as_str().as_bytes());
        sink(b"\n/\n");
        sink(query.as_bytes());
        sink(b"\n");
        for name in self.signed_headers.as_bytes().split(|byte| *byte == b';') {
            sink(name);
            sink(b":");
            reading.write_value(self, name, sink);
            sink(b"\n");
        }
        sink(b"\n");
        sink(self.signed_headers.as_bytes());
        sink(b"\n");
        sink(payload);
    }

    fn write_string_to_sign(&self, canonical: &[u8; 64], sink: &mut impl FnMut(&[u8])) {
        write_string_to_sign(self.timestamp, self.scope, canonical, sink);
    }
}

/// The steps of a signature.
pub(crate) struct Explained<'a> {
    pub(crate) canonical_request: String,
    pub(crate) scope: &'a str,
    pub(crate) string_to_sign: String,
    pub(crate) keys: [Zeroizing<[u8; 32]>; 3],
    pub(crate) signature: String,
}

/// The canonical request as every SDK builds it, from method, query string, content type and host, in few pieces.
fn write_sdk_canonical(parts: [&str; 4], payload: &[u8; 64], sink: &mut impl FnMut(&[u8])) {
    let [method, query, content_type, host] = parts;
    sink(method.as_bytes());
    sink(b"\n/\n");
    sink(query.as_bytes());
    sink(b"\ncontent-type:");
    sink(content_type.as_bytes());
    sink(b"\nhost:");
    sink(host.as_bytes());
    sink(b"\n\ncontent-type;host\n");
    sink(payload);
}

const UNSIGNED_PAYLOAD: &[u8] = b"UNSIGNED-PAYLOAD";

fn write_string_to_sign(
    timestamp: &str,
    scope: &str,
    canonical: &[u8; 64],
    sink: &mut impl FnMut(&[u8]),
) {
    sink(b"TC3-HMAC-SHA256\n");
    sink(timestamp.as_bytes());
    sink(b"\n");
    sink(scope.as_bytes());
    sink(b"\n");
    sink(canonical);
}

/// A request to be signed, as it will be sent.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// GET or POST.
    pub method: &'a Method,
    /// The `Host` header, with the port if there is one.
    pub host: &'a str,
    /// The `Content-Type` header, which must be sent even with GET.
    pub content_type: &'a str,
    /// What will stand after `?`, or `""`.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The service for the credential scope, like `cdb`.
    pub service: &'a str,
    /// Unix seconds, the same as in `X-TC-Timestamp`.
    pub timestamp: i64,
    /// Further headers to sign, beside `content-type` and `host`: names and values as they are sent. Empty: what the SDKs sign.
    pub headers: &'a [(&'a str, &'a str)],
}

/// The headers that name the action and its version. Actions of `signet` need them to be signed.
pub const ACTION_HEADERS: [&str; 2] = ["x-tc-action", "x-tc-version"];

/// Signs a request: the value of its `Authorization` header.
pub fn authorization(secret_id: &SecretId, key: &SecretKey, request: &Unsigned<'_>) -> String {
    let (year, month, day) = civil_date(request.timestamp);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let scope = format!("{date}/{}/tc3_request", request.service);
    let payload = hex::lower(&Sha256::digest(request.body).into());
    let (canonical_request, names) = canonical_to_sign(request, &payload);
    let canonical = hex::lower(&Sha256::digest(&canonical_request).into());
    let mut mac = SigningKey::derive(key, &date, request.service).0.clone();
    write_string_to_sign(
        &request.timestamp.to_string(),
        &scope,
        &canonical,
        &mut |bytes| mac.update(bytes),
    );
    let signature = hex::lower(&mac.finalize().into_bytes().into());
    let signature = str::from_utf8(&signature).expect("hexadecimal digits");
    format!(
        "TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
}

/// The canonical request of one that is to be signed, and the names of its signed headers.
fn canonical_to_sign(request: &Unsigned<'_>, payload: &[u8; 64]) -> (Vec<u8>, String) {
    let mut headers = vec![
        ("content-type".to_owned(), request.content_type.to_owned()),
        ("host".to_owned(), request.host.to_owned()),
    ];
    let lower = |text: &str| text.trim().to_ascii_lowercase();
    headers.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| (lower(name), lower(value))),
    );
    headers.sort();
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let (method, query) = (request.method, request.query);
    let mut text = format!("{method}\n/\n{query}\n{lines}\n{names}\n").into_bytes();
    text.extend_from_slice(payload);
    (text, names)
}

/// What every SDK signs.
pub(crate) const SIGNED_HEADERS: &str = "content-type;host";

/// [`utc_date`] as a text.
pub(crate) fn utc_day(seconds: i64) -> Option<String> {
    utc_date(seconds).map(|date| String::from_utf8_lossy(&date).into_owned())
}

/// `YYYY-MM-DD` of a time in Unix seconds; none outside the years 0 to 9999.
fn utc_date(seconds: i64) -> Option<[u8; 10]> {
    let (year, month, day) = civil_date(seconds);
    let mut text = *b"0000-00-00";
    let mut put = |at: usize, number: i64| {
        text[at] += (number / 10) as u8;
        text[at + 1] += (number % 10) as u8;
    };
    if !(0..=9999).contains(&year) {
        return None;
    }
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    Some(text)
}

/// Year, month and day of a time in Unix seconds. Counts in years that start in March, so that a leap day comes last.
fn civil_date(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(86_400) + 719_468; // since 0000-03-01
    let era = days.div_euclid(146_097); // 400 years
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153; // 0 is March
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * era + year_of_era + i64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_utc() {
        let dates = [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_700_006_399, "2023-11-14"),
            (1_700_006_400, "2023-11-15"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
        ];
        for (seconds, date) in dates {
            assert_eq!(
                utc_date(seconds)
                    .as_ref()
                    .map(|text| str::from_utf8(text).unwrap()),
                Some(date)
            );
        }
    }

    #[test]
    fn a_signing_key_is_wiped() {
        // `Hmac` is two hash states, which wipe themselves when their crate is built so.
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Sha256>();
    }

    #[test]
    fn a_time_after_the_year_9999_has_no_date() {
        assert_eq!(
            [253_402_300_800, i64::MAX, i64::MIN].map(utc_date),
            [None; 3]
        );
    }
}
