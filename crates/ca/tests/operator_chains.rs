//! Opening an operator's own authority: what is refused, and in which words.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use ca::authority::{
    Authority, Error, Order, Profile, SERVER_LIFETIME, Serial, certificates_from_pem,
};
use ca::key::{KeyKind, PrivateKey};
use ca::request::CertificateRequest;
use proptest::prelude::*;
use support::operator::{CA, Key, Operator};
use tempfile::{TempDir, tempdir};

mod support;

const OTHER_USE: &str = "clients would refuse a certificate of this authority: the extendedKeyUsage of a certificate in its chain does not allow this use";

const DAY: i64 = 24 * 60 * 60;

#[test]
fn an_intermediate_of_every_kind_of_key_is_opened() {
    for (key, kind) in [
        (Key::P256, Some(KeyKind::EcdsaP256)),
        (Key::P384, None),
        (Key::Rsa, None),
    ] {
        let dir = tempdir().unwrap();
        let operator = Operator::intermediate(dir.path(), key);

        let authority = operator.open().unwrap();

        assert_eq!(authority.common_name(), "Example intermediate");
        assert_eq!(authority.key().kind(), kind, "{key:?}");
        assert_eq!(authority.chain(), operator.chain());
        assert_eq!(authority.intermediates(), &operator.chain()[..1]);
        assert_eq!(authority.anchors(), &operator.chain()[1..]);
        let root_first: Vec<_> = operator.chain().into_iter().rev().collect();
        assert_eq!(
            certificates_from_pem(&authority.ca_pem()).unwrap(),
            root_first
        );
    }
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    let (_dir, operator) = intermediate();
    let other = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let error = refusal(Authority::open(other, operator.chain(), lab::now()));
    assert_eq!(
        error.to_string(),
        "the private key does not belong to certificate 1 (`CN=Example intermediate,OU=MySQL,OU=Databases,DC=corp,DC=example,DC=com`); the chain must begin with the certificate of that key"
    );
}

#[test]
fn a_chain_must_be_there_and_be_certificates() {
    let (_dir, operator) = intermediate();
    let open = |chain| refusal(Authority::open(operator.key(), chain, lab::now()));

    assert_eq!(
        open(Vec::new()).to_string(),
        "the chain is empty; it needs the issuing certificate first and its root last"
    );
    let mut chain = operator.chain();
    chain[1].truncate(100);
    assert_eq!(
        open(chain).to_string(),
        "certificate 2 of the chain is not X.509: ASN.1 DER message is incomplete: expected 101, actual 100 at DER byte 100"
    );
    assert_eq!(
        certificates_from_pem("no certificate"),
        Err(Error::EmptyChain)
    );
    let damaged = operator.chain_pem.replacen("MII", "M!I", 1);
    assert_eq!(
        certificates_from_pem(&damaged).unwrap_err().to_string(),
        "certificate 1 of the chain is not X.509: base64 decode error: InvalidCharacter(33)"
    );
}

#[test]
fn a_chain_leads_from_the_issuing_certificate_to_its_root() {
    let (_dir, operator) = intermediate();
    let key = || operator.key();
    let [intermediate, root] = operator.chain().try_into().unwrap();
    let (_other_dir, other) = self::intermediate();
    let other_root = Operator::root(_other_dir.path(), "third", "/CN=Third", Key::P256, CA);

    let rootless = refusal(Authority::open(
        key(),
        vec![intermediate.clone()],
        lab::now(),
    ));
    assert_eq!(
        rootless.to_string(),
        "the chain has no root: it ends with certificate 1 (`CN=Example intermediate,OU=MySQL,OU=Databases,DC=corp,DC=example,DC=com`), which was issued by `CN=Example root,O=Söhne & Co,DC=example,DC=com`; add the certificates above it, up to the one that issued itself"
    );

    let chain = vec![
        intermediate.clone(),
        other_root.chain().remove(0),
        root.clone(),
    ];
    let disordered = refusal(Authority::open(key(), chain, lab::now()));
    assert_eq!(
        disordered.to_string(),
        "the chain is out of order: certificate 1 (`CN=Example intermediate,OU=MySQL,OU=Databases,DC=corp,DC=example,DC=com`) was issued by `CN=Example root,O=Söhne & Co,DC=example,DC=com`, but is followed by certificate 2 (`CN=Third`); the order is the issuing certificate, then whoever issued it, and so on up to the root"
    );

    let root_first = refusal(Authority::open(
        key(),
        vec![root, intermediate.clone()],
        lab::now(),
    ));
    assert!(matches!(root_first, Error::KeyMismatch(_)), "{root_first}");

    // The same names, other keys.
    let impostor = other.chain().remove(1);
    let forged = refusal(Authority::open(
        key(),
        vec![intermediate, impostor],
        lab::now(),
    ));
    assert_eq!(
        forged.to_string(),
        "clients would refuse a certificate of this authority: a signature in its chain does not verify, so two of the certificates do not belong together"
    );
}

#[test]
fn a_certificate_that_may_not_issue_is_refused() {
    let dir = tempdir().unwrap();
    let root = Operator::root(dir.path(), "root", "/CN=Root", Key::P256, CA);
    let below = |name: &str, extensions: &str| {
        refusal(root.below(name, "/CN=Below", Key::P256, extensions).open()).to_string()
    };
    let no_ca =
        "certificate 1 (`CN=Below`) is no CA certificate: its basicConstraints do not say CA:TRUE";
    assert_eq!(below("leaf", "basicConstraints=critical,CA:FALSE\n"), no_ca);
    assert_eq!(below("plain", "keyUsage=critical,keyCertSign\n"), no_ca);
    assert_eq!(
        below(
            "usage",
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n"
        ),
        "certificate 1 (`CN=Below`) may not sign certificates: its keyUsage lacks keyCertSign"
    );
    assert_eq!(
        below("client", &format!("{CA}extendedKeyUsage=clientAuth\n")),
        OTHER_USE
    );

    let narrow = CA.replace("CA:TRUE", "CA:TRUE,pathlen:0");
    let narrow = Operator::root(dir.path(), "narrow", "/CN=Narrow", Key::P256, &narrow);
    assert!(narrow.open().is_ok());
    let below = narrow.below("too-deep", "/CN=Below", Key::P256, CA);
    assert_eq!(
        refusal(below.open()).to_string(),
        "certificate 2 (`CN=Narrow`) does not allow so many authorities below it: see its pathLenConstraint"
    );
}

#[test]
fn an_authority_is_opened_only_while_its_whole_chain_is_valid() {
    let (_dir, operator) = intermediate();
    let at = |now| refusal(Authority::open(operator.key(), operator.chain(), now)).to_string();
    let which =
        "certificate 1 (`CN=Example intermediate,OU=MySQL,OU=Databases,DC=corp,DC=example,DC=com`)";

    let early = at(lab::now() - DAY);
    assert!(
        early.starts_with(&format!("{which} is not valid before 20")),
        "{early}"
    );
    let late = at(lab::now() + 366 * DAY);
    assert!(
        late.starts_with(&format!("{which} expired at 20")),
        "{late}"
    );
    assert!(late.ends_with('Z'), "{late}");
}

#[test]
fn an_intermediate_below_an_ed25519_root_is_opened_and_one_signed_with_sha1_is_not() {
    let dir = tempdir().unwrap();
    let root = Operator::root(dir.path(), "root", "/CN=Root", Key::Ed25519, CA);
    assert!(
        root.below("below", "/CN=Below", Key::P256, CA)
            .open()
            .is_ok()
    );

    let root = Operator::root(dir.path(), "rsa", "/CN=Root", Key::Rsa, CA);
    let old = root.below_by_sha1("old", "/CN=Below", Key::P256, CA);
    assert_eq!(
        refusal(old.open()).to_string(),
        "clients would refuse a certificate of this authority: a certificate in its chain is signed with an algorithm that they do not accept, like SHA-1"
    );
}

#[test]
fn what_an_authority_may_not_issue_is_refused_by_it() {
    let dir = tempdir().unwrap();
    let root = Operator::root(dir.path(), "root", "/CN=Root", Key::P256, CA);
    let extensions = format!(
        "{CA}extendedKeyUsage=serverAuth\nnameConstraints=critical,permitted;DNS:corp.example,permitted;IP:10.0.0.0/255.0.0.0\n"
    );
    let authority = root
        .below("narrow", "/CN=Narrow", Key::P256, &extensions)
        .open()
        .unwrap();
    let issue = |profile, name: &str| {
        let order = Order {
            profile,
            common_name: "cdb-c1nl9rpv".to_owned(),
            names: vec![name.parse().unwrap()],
            lifetime: SERVER_LIFETIME,
        };
        let request = CertificateRequest::of(authority.key());
        let issued = authority.issue(&request, &order, Serial::from_random([9; 16]), lab::now());
        issued.map(drop).map_err(|error| error.to_string())
    };

    for good in ["db1.corp.example", "10.1.2.3"] {
        assert_eq!(issue(Profile::DatabaseServer, good), Ok(()), "{good}");
    }
    for bad in ["db1.example", "192.0.2.1"] {
        let refused = "clients would refuse a certificate of this authority: the nameConstraints of a certificate in its chain do not allow one of the names";
        assert_eq!(
            issue(Profile::DatabaseServer, bad),
            Err(refused.to_owned()),
            "{bad}"
        );
    }
    assert_eq!(
        issue(Profile::AgentClient, "db1.corp.example"),
        Err(OTHER_USE.to_owned())
    );
}

#[test]
fn a_certificate_ends_with_the_first_certificate_above_it_that_does() {
    let (_dir, operator) = intermediate();
    let authority = operator.open().unwrap();
    let order = Order {
        profile: Profile::DatabaseServer,
        common_name: "cdb-c1nl9rpv".to_owned(),
        names: vec!["db1.example".parse().unwrap()],
        lifetime: std::time::Duration::from_secs(20 * 365 * 86_400),
    };
    let request = CertificateRequest::of(authority.key());

    let issued = authority
        .issue(&request, &order, Serial::from_random([9; 16]), lab::now())
        .unwrap();

    assert_eq!(issued.not_after, authority.not_after());
    assert!(issued.not_after < lab::now() + 366 * DAY);
    assert!(issued.not_before <= lab::now());
    assert_eq!(issued.intermediates, &operator.chain()[..1]);
    let sent = [vec![issued.leaf.clone()], issued.intermediates.clone()].concat();
    assert_eq!(certificates_from_pem(&issued.chain_pem()).unwrap(), sent);
}

#[test]
fn an_authority_that_may_not_revoke_says_so() {
    let dir = tempdir().unwrap();
    let extensions = CA.replace(",cRLSign", "");
    let authority = Operator::root(dir.path(), "root", "/CN=Root", Key::P256, &extensions)
        .open()
        .unwrap();
    let error = authority
        .crl(&[], 1, lab::now(), lab::now() + DAY)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "this authority may not sign revocation lists: the keyUsage of its certificate lacks cRLSign"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(certificates_from_pem(&text).is_err());
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        prop_assert!(Authority::open(key, vec![bytes], 1_795_490_000).is_err());
    }

    /// What passes is the same certificate in all that matters: the key is ours, and clients accept what it issues.
    #[test]
    fn a_damaged_chain_never_makes_it_panic(at in 0usize..10_000, flip in 1u8..=255) {
        let (key, mut chain) = fixed_chain();
        let bytes: usize = chain.iter().map(Vec::len).sum();
        let mut at = at % bytes;
        for certificate in &mut chain {
            if let Some(byte) = certificate.get_mut(at) {
                *byte ^= flip;
                break;
            }
            at -= certificate.len();
        }
        if let Ok(authority) = Authority::open(key, chain, lab::now()) {
            prop_assert_eq!(authority.chain().len(), 2);
        }
    }
}

fn fixed_chain() -> (PrivateKey, Vec<Vec<u8>>) {
    static OPERATOR: std::sync::LazyLock<(TempDir, Operator)> =
        std::sync::LazyLock::new(intermediate);
    (OPERATOR.1.key(), OPERATOR.1.chain())
}

fn intermediate() -> (TempDir, Operator) {
    let dir = tempdir().unwrap();
    let operator = Operator::intermediate(dir.path(), Key::P256);
    (dir, operator)
}

/// An authority has no `Debug`, so `unwrap_err` is not to be had.
#[track_caller]
fn refusal(opened: Result<Authority, Error>) -> Error {
    match opened {
        Ok(authority) => panic!("`{}` was opened", authority.common_name()),
        Err(error) => error,
    }
}
