use std::fmt::{Debug, Display};
use std::str::FromStr;

use server::Config;
use server::state::ids::{AgentId, InstanceId, RoGroupId, RoInstanceId, SubjectId, TaskId};
use server::state::link::Links;
use server::state::{pki, records, task};

use crate::texts::reads_back;

/// A stored document of any type. What is written of it is read back.
pub(crate) fn document(data: &[u8]) {
    reads_back::<records::InstanceRecord>(data);
    reads_back::<records::RoGroupRecord>(data);
    reads_back::<records::ObservationRecord>(data);
    reads_back::<records::CertificateRecord>(data);
    reads_back::<records::KeyRecord>(data);
    reads_back::<records::Alive>(data);
    reads_back::<pki::AuthorityRecord>(data);
    reads_back::<pki::IssuedRecord>(data);
    reads_back::<pki::ManagedRecord>(data);
    reads_back::<pki::AgentRecord>(data);
    reads_back::<pki::TokenRecord>(data);
    reads_back::<task::TaskRecord>(data);
    reads_back::<task::Lock>(data);
}

/// A configuration file. One that is accepted can be printed and is then read as the same.
pub(crate) fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(config) = toml::from_str::<Config>(&text) else {
        return;
    };
    if config.check().is_err() {
        return;
    }
    let printed = toml::to_string(&config).expect("a configuration can be printed");
    let again: Config = toml::from_str(&printed).expect("what was printed can be read");
    assert!(again.check().is_ok());
    assert_eq!(toml::to_string(&again), Ok(printed));
}

/// An ID of any kind. What is printed is read back as the same.
pub(crate) fn id(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    parses_back::<InstanceId>(&text);
    parses_back::<RoGroupId>(&text);
    parses_back::<RoInstanceId>(&text);
    parses_back::<AgentId>(&text);
    parses_back::<SubjectId>(&text);
    parses_back::<TaskId>(&text);
}

fn parses_back<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string().parse::<T>().expect("its own text"), id);
    }
}

/// A certificate link: ID, expiry and signature, each on a line. Nobody signed it.
pub(crate) fn certificate_link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let links = Links::with_key("https://signet.example.com".to_owned(), &[7; 32]);
    let checked = links.check(line(), line(), line(), 1_795_490_000);
    assert!(checked.is_err(), "nobody signed this");
}
