//! What the programs of other people make of a bundle. They must be installed: OpenSSL 3, a JDK
//! (`keytool`) and Info-ZIP (`unzip`). A missing one fails the test.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use ca::bundle::{Bundle, Format, STORE_PASSWORD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use support::{keytool, keytool_list, openssl, openssl_says, path, run};

mod support;

const README: &str = "mysql --ssl-mode=VERIFY_IDENTITY --ssl-ca=TencentDB-CA-Chain.pem\n";

#[test]
fn openssl_verifies_servers_of_both_roots_against_the_pem() {
    let files = Files::of(["North", "South"]);

    for root in &files.roots {
        let leaf = files.dir.path().join("leaf.pem");
        std::fs::write(&leaf, root.issue("db.example")).unwrap();
        let answer = openssl(&["verify", "-CAfile", &files.path(Format::Pem), path(&leaf)]);
        assert_eq!(answer.text(), format!("{}: OK\n", path(&leaf)));
    }
}

#[test]
fn openssl_refuses_a_server_of_another_root() {
    let files = Files::of(["North"]);
    let leaf = files.dir.path().join("leaf.pem");
    std::fs::write(&leaf, Root::new("Elsewhere").issue("db.example")).unwrap();

    let answer = openssl_says(&["verify", "-CAfile", &files.path(Format::Pem), path(&leaf)]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .error
            .contains("unable to get local issuer certificate"),
        "{}",
        answer.error
    );
}

#[test]
fn java_reads_every_certificate_of_the_pem() {
    let files = Files::of(["North", "South"]);

    let answer = keytool(&["-printcert", "-file", &files.path(Format::Pem)]);
    assert_eq!(
        answer.lines_with("Owner: "),
        ["Owner: CN=North", "Owner: CN=South"]
    );
}

#[test]
fn a_subject_cannot_smuggle_a_certificate_into_the_pem() {
    let other = Root::new("Smuggled");
    let smuggled = format!("Honest\n{}", other.pem);
    let files = Files::of([smuggled.as_str()]);

    let answer = openssl(&["storeutl", "-noout", "-certs", &files.path(Format::Pem)]);
    assert_eq!(answer.lines_with("Total found"), ["Total found: 1"]);
    let answer = keytool(&["-printcert", "-file", &files.path(Format::Pem)]);
    assert_eq!(answer.lines_with("Serial number").len(), 1);
}

#[test]
fn openssl_lists_the_p7b() {
    let files = Files::of(["North", "South"]);

    let p7b = files.path(Format::P7b);
    let answer = openssl(&[
        "pkcs7",
        "-inform",
        "DER",
        "-in",
        &p7b,
        "-print_certs",
        "-noout",
    ]);
    let mut subjects = answer.lines_with("subject=");
    subjects.sort_unstable();
    assert_eq!(subjects, ["subject=CN = North", "subject=CN = South"]);
}

#[test]
fn java_trusts_the_certificates_of_the_jks() {
    let files = Files::of(["North", "South"]);

    let answer = keytool_list("JKS", &files.path(Format::Jks), STORE_PASSWORD);
    assert_eq!(answer.code, Some(0), "{}", answer.error);
    assert_eq!(
        answer.lines_with("trustedCertEntry"),
        [
            "tencentdb-ca-1, Jan 2, 2026, trustedCertEntry, ",
            "tencentdb-ca-2, Jan 2, 2026, trustedCertEntry, "
        ]
    );
    assert!(
        answer.text().contains(&files.roots[0].fingerprint()),
        "{}",
        answer.text()
    );
}

#[test]
fn java_trusts_the_certificates_of_the_p12() {
    let files = Files::of(["North", "South"]);

    let answer = keytool_list("PKCS12", &files.path(Format::P12), STORE_PASSWORD);
    assert_eq!(answer.code, Some(0), "{}", answer.error);
    let mut names: Vec<_> = answer
        .lines_with("trustedCertEntry")
        .iter()
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["tencentdb-ca-1", "tencentdb-ca-2"]);
    assert!(
        answer.text().contains(&files.roots[0].fingerprint()),
        "{}",
        answer.text()
    );
}

#[test]
fn java_notices_a_wrong_password_and_a_damaged_file() {
    let files = Files::of(["North"]);
    for (kind, format) in [("JKS", Format::Jks), ("PKCS12", Format::P12)] {
        let answer = keytool_list(kind, &files.path(format), "changeit");
        assert_eq!(answer.code, Some(1), "{kind}");
        assert!(
            answer.text().contains("password was incorrect"),
            "{kind}: {}",
            answer.text()
        );

        let damaged = files.dir.path().join("damaged");
        let mut bytes = std::fs::read(files.path(format)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&damaged, bytes).unwrap();
        let answer = keytool_list(kind, path(&damaged), STORE_PASSWORD);
        assert_eq!(answer.code, Some(1), "{kind}");
        assert!(
            answer.text().contains("password was incorrect"),
            "{kind}: {}",
            answer.text()
        );
    }
}

/// Without `-legacy`: that option would be the sign of an algorithm that OpenSSL 3 has retired.
#[test]
fn openssl_opens_the_p12_with_its_default_algorithms() {
    let files = Files::of(["North", "South"]);

    let p12 = files.path(Format::P12);
    let answer = openssl(&[
        "pkcs12",
        "-in",
        &p12,
        "-info",
        "-nokeys",
        "-passin",
        "pass:tencentdb",
    ]);
    assert_eq!(
        answer.error.lines().collect::<Vec<_>>(),
        [
            "MAC: sha256, Iteration 2048",
            "MAC length: 32, salt length: 16",
            "PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256",
            "Certificate bag",
            "Certificate bag"
        ]
    );
    assert_eq!(
        answer.lines_with("subject="),
        ["subject=CN = North", "subject=CN = South"]
    );
    assert_eq!(
        answer.lines_with("friendlyName"),
        [
            "    friendlyName: tencentdb-ca-1",
            "    friendlyName: tencentdb-ca-2"
        ]
    );
}

#[test]
fn openssl_notices_a_wrong_password() {
    let files = Files::of(["North"]);

    let p12 = files.path(Format::P12);
    let answer = openssl_says(&["pkcs12", "-in", &p12, "-nokeys", "-passin", "pass:changeit"]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.error.contains("Mac verify error: invalid password?"),
        "{}",
        answer.error
    );
}

#[test]
fn unzip_finds_the_other_five_files_unchanged() {
    let files = Files::of(["North", "South"]);
    let zip = files.path(Format::Zip);

    let answer = run("unzip", &["-t", &zip]).succeeds();
    assert!(
        answer.text().contains("No errors detected"),
        "{}",
        answer.text()
    );

    let names = run("unzip", &["-Z1", &zip]).succeeds();
    let inside: Vec<Format> = Format::ALL
        .into_iter()
        .filter(|f| *f != Format::Zip)
        .collect();
    let expected: Vec<&str> = inside.iter().map(|format| format.file_name()).collect();
    assert_eq!(names.text().lines().collect::<Vec<_>>(), expected);

    for format in inside {
        let content = run("unzip", &["-p", &zip, format.file_name()]).succeeds();
        assert!(
            content.out == std::fs::read(files.path(format)).unwrap(),
            "{format:?}"
        );
    }
}

/// A root CA that began on 2 January 2026.
struct Root {
    pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    fn new(common_name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(2046, 1, 2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Self {
            pem,
            der,
            issuer: Issuer::new(params, key),
        }
    }

    /// A server certificate, as PEM.
    fn issue(&self, host: &str) -> String {
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        params
            .signed_by(&KeyPair::generate().unwrap(), &self.issuer)
            .unwrap()
            .pem()
    }

    /// SHA-256 as Java prints it.
    fn fingerprint(&self) -> String {
        use sha2::Digest;
        let hash = sha2::Sha256::digest(&self.der);
        hash.iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<Vec<_>>()
            .join(":")
    }
}

/// Every file of one bundle, on disk.
struct Files {
    dir: tempfile::TempDir,
    roots: Vec<Root>,
}

impl Files {
    fn of<const N: usize>(common_names: [&str; N]) -> Self {
        let roots = Vec::from(common_names.map(Root::new));
        let dir = tempfile::tempdir().unwrap();
        let bundle = Bundle::new(roots.iter().map(|root| root.der.clone()).collect()).unwrap();
        for format in Format::ALL {
            let content = bundle.file(format, README).unwrap();
            std::fs::write(dir.path().join(format.file_name()), content).unwrap();
        }
        Self { dir, roots }
    }

    fn path(&self, format: Format) -> String {
        path(&self.dir.path().join(format.file_name())).to_owned()
    }
}
