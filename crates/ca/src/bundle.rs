//! CA certificates → [`Bundle`] → the bytes of one [`Format`].
//!
//! **Every file is a function of its certificates alone.** A download therefore keeps its `ETag` for
//! as long as the certificates stay the same, and two nodes of the service answer with the same bytes.
//! Formats that want a date take it from the certificates, and formats that want a random salt get one
//! derived from their content. That would be wrong for a secret. Here nothing is secret: the files hold
//! public certificates, and the password is printed in the manual ([`STORE_PASSWORD`]).

/// `.jks`: a Java KeyStore.
mod jks;
/// `.p12`: a PKCS#12 trust store.
mod p12;
/// `.p7b`: certificates in a CMS envelope that nobody signed.
mod p7b;
/// `.pem`: text.
mod pem;
/// `.zip`: all the others.
mod zip;

use der::{Any, Decode, Tag, Tagged};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The password of the `.jks` and the `.p12`. It is public: the formats insist on one, and the vendor
/// documents this one for its `.jks`.
pub const STORE_PASSWORD: &str = "tencentdb";

/// The CA certificates that a client of one instance has to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    anchors: Vec<Anchor>,
}

/// One certificate, with what the formats say about it beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Anchor {
    der: Vec<u8>,
    subject: String,
    /// Unix seconds.
    not_before: i64,
    /// Calendar date in UTC, `YYYY-MM-DD`.
    expires: String,
}

/// What can be asked of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// All the other files in one archive; what the vendor's `Url` downloads.
    Zip,
    /// Text, for the `mysql` and `mariadb` programs and most languages.
    Pem,
    /// PKCS#7, for Windows.
    P7b,
    /// Java KeyStore, for Connector/J.
    Jks,
    /// PKCS#12, for .NET and for Java 8u301 and newer.
    P12,
    /// How to connect, in words.
    Readme,
}

/// Why there is no bundle, or no file.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// There was nothing to bundle.
    #[error("a bundle needs at least one certificate")]
    Empty,
    /// One of the certificates cannot be read.
    #[error("certificate {position} is not X.509 in DER: {reason}")]
    Certificate {
        /// Its place in the list, counted from 1.
        position: usize,
        /// What the parser stumbled over.
        reason: String,
    },
    /// The certificates do not fit into the format, for example because they are too large.
    #[error("cannot write {file}: {reason}")]
    Write {
        /// The file's name.
        file: &'static str,
        /// What the encoder says.
        reason: String,
    },
}

impl Bundle {
    /// Takes certificates in DER and keeps their order; a repeated one is kept once.
    ///
    /// They are not asked to be CA certificates: a server with a self-signed certificate is its own anchor.
    ///
    /// # Errors
    /// [`Error::Empty`] without certificates; [`Error::Certificate`] for the first that is not X.509.
    pub fn new(anchors: Vec<Vec<u8>>) -> Result<Self, Error> {
        let mut kept: Vec<Anchor> = Vec::with_capacity(anchors.len());
        for (index, der) in anchors.into_iter().enumerate() {
            let position = index + 1;
            let anchor =
                Anchor::parse(der).map_err(|reason| Error::Certificate { position, reason })?;
            if !kept.contains(&anchor) {
                kept.push(anchor);
            }
        }
        if kept.is_empty() {
            return Err(Error::Empty);
        }
        Ok(Self { anchors: kept })
    }

    /// Writes one file. `readme` is the text of [`Format::Readme`], which [`Format::Zip`] contains as well.
    ///
    /// # Errors
    /// [`Error::Write`] when the certificates do not fit into the format.
    pub fn file(&self, format: Format, readme: &str) -> Result<Vec<u8>, Error> {
        let written = match format {
            Format::Zip => return self.zip(readme),
            Format::Readme => Ok(readme.as_bytes().to_vec()),
            Format::Pem => pem::write(&self.anchors).map_err(|e| e.to_string()),
            Format::P7b => p7b::write(&self.anchors).map_err(|e| e.to_string()),
            Format::Jks => jks::write(&self.anchors).map_err(|e| e.to_string()),
            Format::P12 => p12::write(&self.anchors).map_err(|e| e.to_string()),
        };
        written.map_err(|reason| Error::Write {
            file: format.file_name(),
            reason,
        })
    }

    /// The archive of every other file, in the order of [`Format::ALL`].
    fn zip(&self, readme: &str) -> Result<Vec<u8>, Error> {
        let mut files = Vec::new();
        for format in Format::ALL
            .into_iter()
            .filter(|format| *format != Format::Zip)
        {
            files.push((format.file_name(), self.file(format, readme)?));
        }
        zip::write(&files).map_err(|e| Error::Write {
            file: Format::Zip.file_name(),
            reason: e.to_string(),
        })
    }
}

impl Format {
    /// Every format; the archive comes first and holds the rest in this order.
    pub const ALL: [Self; 6] = [
        Self::Zip,
        Self::Pem,
        Self::P7b,
        Self::Jks,
        Self::P12,
        Self::Readme,
    ];

    /// The name of the file, the same for every instance.
    ///
    /// The vendor documents `TencentDB-CA-Chain.zip` and that it holds a `.p7b`, a `.jks` and a `.pem`, but
    /// not their names; we give them the name of the archive. `.p12` and `README.txt` are ours.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Zip => "TencentDB-CA-Chain.zip",
            Self::Pem => "TencentDB-CA-Chain.pem",
            Self::P7b => "TencentDB-CA-Chain.p7b",
            Self::Jks => "TencentDB-CA-Chain.jks",
            Self::P12 => "TencentDB-CA-Chain.p12",
            Self::Readme => "README.txt",
        }
    }

    /// The value for `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Pem => "application/x-pem-file",
            Self::P7b => "application/x-pkcs7-certificates",
            Self::Jks => "application/x-java-keystore",
            Self::P12 => "application/x-pkcs12",
            Self::Readme => "text/plain; charset=utf-8",
        }
    }

    /// The format whose [`file_name`](Self::file_name) this is, to the letter.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.file_name() == name)
    }
}

impl Anchor {
    /// Reads one certificate. Two parsers look at it: one strict about DER, because the formats copy the
    /// bytes into structures that would not survive anything else, and one that knows X.509.
    fn parse(der: Vec<u8>) -> Result<Self, String> {
        let outer = Any::from_der(&der).map_err(|e| e.to_string())?;
        if outer.tag() != Tag::Sequence {
            return Err(format!("expected SEQUENCE, found {}", outer.tag()));
        }
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|e| e.to_string())?;
        let subject = certificate.subject().to_string();
        let validity = certificate.validity();
        let not_before = validity.not_before.timestamp();
        let expires = validity.not_after.to_datetime().date().to_string();
        Ok(Self {
            der,
            subject,
            not_before,
            expires,
        })
    }
}

/// The name of an entry in the key stores, counted from 1. Java folds names to lower case, so they are
/// lower case already.
fn alias(index: usize) -> String {
    format!("tencentdb-ca-{}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::pem::decode_vec;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    /// A root certificate that stays as it is, so that the files made from it can be compared.
    const ROOT: &str = include_str!("../tests/data/root.pem");

    #[test]
    fn every_format_has_a_file_name_that_leads_back_to_it() {
        let names = Format::ALL.map(Format::file_name);
        assert_eq!(
            names,
            [
                "TencentDB-CA-Chain.zip",
                "TencentDB-CA-Chain.pem",
                "TencentDB-CA-Chain.p7b",
                "TencentDB-CA-Chain.jks",
                "TencentDB-CA-Chain.p12",
                "README.txt"
            ]
        );
        assert_eq!(names.map(Format::from_file_name), Format::ALL.map(Some));
        for stranger in [
            "",
            "tencentdb-ca-chain.zip",
            "TencentDB-CA-Chain.pem/",
            "../README.txt",
        ] {
            assert_eq!(Format::from_file_name(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn the_pem_names_each_certificate_and_keeps_it() {
        let pem = file(Format::Pem);
        let comment = "# O=Signet, CN=Signet test root, expires 2046-11-19\n";
        assert_eq!(String::from_utf8(pem).unwrap(), format!("{comment}{ROOT}"));
    }

    /// Whoever upgrades a library that changes one of these changes the `ETag` of every download.
    #[test]
    fn the_bytes_of_every_file_are_fixed() {
        let digests = Format::ALL.map(|format| {
            let hash = Sha256::digest(file(format));
            hash.iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        });
        assert_eq!(
            digests,
            [
                "0e32364abf209c8c",
                "3d5a87d9df07ef63",
                "6bada740dd1a9643",
                "ec2614353ff954da",
                "4269015f0fbbf1f9",
                "df0e358493eb43dc"
            ]
        );
    }

    #[test]
    fn a_repeated_certificate_is_kept_once_and_the_order_stays() {
        let (first, second) = (root(), other());
        let repeated = Bundle::new(vec![first.clone(), second.clone(), first.clone()]).unwrap();
        assert_eq!(
            repeated,
            Bundle::new(vec![first.clone(), second.clone()]).unwrap()
        );
        assert_ne!(repeated, Bundle::new(vec![second, first]).unwrap());
    }

    #[test]
    fn a_bundle_of_nothing_is_refused() {
        let error = Bundle::new(vec![]).unwrap_err();
        assert_eq!(error, Error::Empty);
        assert_eq!(error.to_string(), "a bundle needs at least one certificate");
    }

    #[test]
    fn what_is_not_a_certificate_is_refused_by_place_and_reason() {
        let cut = root()[..100].to_vec();
        let followed = [root(), vec![0]].concat();
        for (bad, reason) in [
            (
                b"-----BEGIN CERTIFICATE-----".to_vec(),
                "unknown/unsupported ASN.1 DER tag: 0x2d at DER byte 1",
            ),
            (
                vec![],
                "ASN.1 DER message is incomplete: expected 1, actual 0 at DER byte 0",
            ),
            (vec![0x05, 0x00], "expected SEQUENCE, found NULL"),
            (vec![0x30, 0x00], "Parsing requires 1 bytes/chars"),
            (
                cut,
                "ASN.1 DER message is incomplete: expected 101, actual 100 at DER byte 100",
            ),
            (
                followed,
                "trailing data at end of DER message: decoded 350 bytes, 1 bytes remaining at DER byte 350",
            ),
        ] {
            let error = Bundle::new(vec![root(), bad]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("certificate 2 is not X.509 in DER: {reason}")
            );
        }
    }

    #[test]
    fn a_comment_is_one_short_line_of_plain_ascii() {
        let comment = |subject: &str| {
            let mut anchor = Anchor::parse(root()).unwrap();
            anchor.subject = subject.to_owned();
            String::from_utf8(pem::write(&[anchor]).unwrap())
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned()
        };
        assert_eq!(comment(""), "# (no subject), expires 2046-11-19");
        assert_eq!(
            comment("CN=a\r\n-----BEGIN X-----"),
            "# CN=a??-BEGIN X-, expires 2046-11-19"
        );
        assert_eq!(
            comment("CN=Zürich\u{202e}"),
            "# CN=Z?rich?, expires 2046-11-19"
        );
        assert_eq!(
            comment(&"x".repeat(5000)),
            format!("# {}, expires 2046-11-19", "x".repeat(200))
        );
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(Bundle::new(vec![bytes]).is_err());
        }

        /// Damaged certificates get much further into the parser than noise does.
        #[test]
        fn a_damaged_certificate_is_refused_or_can_be_written(at in 0usize..300, value: u8) {
            let mut bytes = root();
            let at = at % bytes.len();
            bytes[at] = value;
            if let Ok(bundle) = Bundle::new(vec![bytes]) {
                for format in Format::ALL {
                    bundle.file(format, "").unwrap();
                }
            }
        }
    }

    fn file(format: Format) -> Vec<u8> {
        Bundle::new(vec![root()])
            .unwrap()
            .file(format, "How to connect.\n")
            .unwrap()
    }

    fn root() -> Vec<u8> {
        decode_vec(ROOT.as_bytes()).unwrap().1
    }

    fn other() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([]).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }
}
