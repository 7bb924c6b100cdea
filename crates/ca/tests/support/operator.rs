use std::fs;
use std::path::{Path, PathBuf};

use ca::authority::{Authority, Error, certificates_from_pem};
use ca::key::PrivateKey;

use super::{openssl, path};

/// What the certificate of an authority usually says.
pub const CA: &str = "basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
";

/// Which key an authority has, in the words of `openssl genpkey`.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    P256,
    P384,
    Rsa,
    Ed25519,
}

/// An authority that OpenSSL made: its files are `NAME.key` and `NAME.pem` in one folder.
pub struct Operator {
    files: PathBuf,
    /// Its own certificate first, the root last.
    pub chain_pem: String,
}

impl Operator {
    /// A root. `subject` is in the form of OpenSSL's `-subj`; `extensions` are lines of its configuration.
    pub fn root(dir: &Path, name: &str, subject: &str, key: Key, extensions: &str) -> Self {
        let files = dir.join(name);
        new_key(&files, key);
        let config = configuration(&files, extensions);
        let (key, certificate) = (file(&files, "key"), file(&files, "pem"));
        openssl(&[
            "req",
            "-x509",
            "-new",
            "-utf8",
            "-days",
            "3650",
            "-key",
            &key,
            "-subj",
            subject,
            "-config",
            &config,
            "-extensions",
            "extensions",
            "-out",
            &certificate,
        ]);
        let chain_pem = fs::read_to_string(&certificate).unwrap();
        Self { files, chain_pem }
    }

    /// An authority below this one.
    pub fn below(&self, name: &str, subject: &str, key: Key, extensions: &str) -> Self {
        self.sign(name, subject, (key, extensions), &[])
    }

    /// As authorities signed until 2016.
    pub fn below_by_sha1(&self, name: &str, subject: &str, key: Key, extensions: &str) -> Self {
        self.sign(name, subject, (key, extensions), &["-sha1"])
    }

    fn sign(
        &self,
        name: &str,
        subject: &str,
        (key, extensions): (Key, &str),
        digest: &[&str],
    ) -> Self {
        let files = self.files.with_file_name(name);
        new_key(&files, key);
        let config = configuration(&files, extensions);
        let (key, request, certificate) = (
            file(&files, "key"),
            file(&files, "csr"),
            file(&files, "pem"),
        );
        openssl(&[
            "req", "-new", "-utf8", "-key", &key, "-subj", subject, "-config", &config, "-out",
            &request,
        ]);
        let (issuer, issuer_key) = (file(&self.files, "pem"), file(&self.files, "key"));
        let sign = [
            "x509",
            "-req",
            "-days",
            "365",
            "-in",
            &request,
            "-CA",
            &issuer,
            "-CAkey",
            &issuer_key,
            "-CAcreateserial",
            "-extfile",
            &config,
            "-extensions",
            "extensions",
            "-out",
            &certificate,
        ];
        openssl(&[&sign, digest].concat());
        let chain_pem = fs::read_to_string(&certificate).unwrap() + &self.chain_pem;
        Self { files, chain_pem }
    }

    /// A root and an intermediate whose names are as complicated as those of real companies: attributes that repeat,
    /// letters beyond ASCII, an organisation before the common name.
    pub fn intermediate(dir: &Path, key: Key) -> Self {
        let root = Self::root(
            dir,
            "root",
            "/DC=com/DC=example/O=Söhne & Co/CN=Example root",
            key,
            CA,
        );
        let subject = "/DC=com/DC=example/DC=corp/OU=Databases/OU=MySQL/CN=Example intermediate";
        let extensions = CA.replace("CA:TRUE", "CA:TRUE,pathlen:0");
        root.below("intermediate", subject, key, &extensions)
    }

    pub fn key(&self) -> PrivateKey {
        PrivateKey::from_pem(&fs::read_to_string(file(&self.files, "key")).unwrap()).unwrap()
    }

    /// The chain in DER.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        certificates_from_pem(&self.chain_pem).unwrap()
    }

    pub fn open(&self) -> Result<Authority, Error> {
        Authority::open(self.key(), self.chain(), lab::now())
    }
}

fn new_key(files: &Path, key: Key) {
    let kind: &[&str] = match key {
        Key::P256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Key::P384 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        Key::Rsa => &["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        Key::Ed25519 => &["ED25519"],
    };
    let out = file(files, "key");
    openssl(&[&["genpkey", "-out", out.as_str(), "-algorithm"], kind].concat());
}

fn configuration(files: &Path, extensions: &str) -> String {
    let text = format!(
        "[req]\ndistinguished_name=subject\nprompt=no\n[subject]\nCN=unused\n[extensions]\n{extensions}"
    );
    let config = file(files, "cnf");
    fs::write(&config, text).unwrap();
    config
}

fn file(files: &Path, extension: &str) -> String {
    path(&files.with_extension(extension)).to_owned()
}
