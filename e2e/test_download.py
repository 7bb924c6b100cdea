"""The link in `Url`: what a client downloads is the chain that the servers really present, in every format."""

import io
import re
import ssl
import subprocess
import urllib.error
import urllib.request
import zipfile

import pytest

import cases
import clients
import conftest
import fleet

FILES = ["README.txt", "TencentDB-CA-Chain.jks", "TencentDB-CA-Chain.p12", "TencentDB-CA-Chain.p7b", "TencentDB-CA-Chain.pem"]
PASSWORD = "tencentdb"
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@pytest.fixture(scope="module")
def url(outcomes):
    """The link that the Python SDK got."""
    python = clients.CLIENTS[0]
    on = next(case for case in cases.CASES if case.name == "on")
    return cases.answer_of(outcomes(python)[conftest.call_id(python.modes[0], on)])["Url"]


@pytest.fixture(scope="module")
def bundle(url, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="TencentDB-CA-Chain.zip"'
        zipfile.ZipFile(io.BytesIO(answer.read())).extractall(folder)
    return folder


def test_the_archive_has_every_format(bundle):
    assert sorted(path.name for path in bundle.iterdir()) == FILES


def test_the_pem_file_is_what_both_nodes_present(bundle, servers):
    presented = {certificate for node in fleet.ON.nodes for certificate in certificates(servers[node].ca)}
    assert certificates(bundle / "TencentDB-CA-Chain.pem") == presented


@pytest.mark.parametrize("store", ["TencentDB-CA-Chain.jks", "TencentDB-CA-Chain.p12"])
def test_java_trusts_what_the_pem_file_trusts(bundle, store):
    listed = run("keytool", "-list", "-rfc", "-keystore", bundle / store, "-storepass", PASSWORD)
    assert {ssl.PEM_cert_to_DER_cert(pem) for pem in PEM.findall(listed)} == certificates(bundle / "TencentDB-CA-Chain.pem")
    assert listed.count("Entry type: trustedCertEntry") == len(certificates(bundle / "TencentDB-CA-Chain.pem"))


def test_windows_reads_the_same_certificates(bundle):
    listed = run("openssl", "pkcs7", "-inform", "DER", "-in", bundle / "TencentDB-CA-Chain.p7b", "-print_certs")
    assert {ssl.PEM_cert_to_DER_cert(pem) for pem in PEM.findall(listed)} == certificates(bundle / "TencentDB-CA-Chain.pem")


def test_each_file_can_be_fetched_alone(url, bundle):
    for name in FILES:
        with urllib.request.urlopen(url.replace("TencentDB-CA-Chain.zip", name), timeout=10) as answer:
            assert answer.read() == (bundle / name).read_bytes(), name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace(fleet.ON.id, fleet.OFF.id), "signature"),
        (lambda url: re.sub(r"expires=\d+", "expires=1", url), "signature"),
        (lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), "signature"),
    ],
    ids=["another instance", "another expiry", "another signature"],
)
def test_a_changed_link_is_refused(url, change, says):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(change(url), timeout=10)
    assert refused.value.code == 403
    assert says in refused.value.read().decode()


def certificates(path):
    with open(path, encoding="ascii") as file:
        return {ssl.PEM_cert_to_DER_cert(pem) for pem in PEM.findall(file.read())}


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, timeout=60).stdout
