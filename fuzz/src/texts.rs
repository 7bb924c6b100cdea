use ca::authority::SubjectName;
use dbtls::{Name, Target};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::agent::{
    Done, EnrolRequest, Enrolled, Next, Order, Refused, RenewRequest, Renewed, Report, Token, Work,
};

/// The address of a node. What is printed is read back as the same.
pub(crate) fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(target) = text.parse::<Target>() {
        assert_eq!(target.to_string().parse(), Ok(target));
    }
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

/// A name for a certificate. What is printed is read back as the same.
pub(crate) fn subject_name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(name) = text.parse::<SubjectName>() {
        assert_eq!(name.to_string().parse(), Ok(name));
    }
}

/// An enrolment token. What is printed is read back as the same.
pub(crate) fn enrolment_token(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(token) = Token::parse(&text) {
        let again = Token::parse(&token.expose()).expect("its own text is read");
        assert_eq!(again.expose(), token.expose());
        assert!(token.expose().len() <= text.len());
    }
}

/// A message between an agent and the control plane, in either direction.
pub(crate) fn agent_message(data: &[u8]) {
    reads_back::<Done>(data);
    reads_back::<EnrolRequest>(data);
    reads_back::<Enrolled>(data);
    reads_back::<Refused>(data);
    reads_back::<RenewRequest>(data);
    reads_back::<Renewed>(data);
    reads_back::<Report>(data);
    match serde_json::from_slice(data) {
        // An order that names a field twice is one that is not known; written, it names it once.
        Ok(Next {
            order:
                Some(Order {
                    work: work @ Work::Unknown(_),
                    ..
                }),
        }) => drop(work.name()),
        _ => reads_back::<Next>(data),
    }
}

/// What is written of a value is read back, and written the same.
pub(crate) fn reads_back<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(data) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&written)));
    let twice = serde_json::to_vec(&again).expect("what was read can be written");
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&twice)
    );
}
