use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::scene::{GROUP, ORDERS, Scene, WATCHED};

/// What the service answered, by question; and the bundles that the links of its answers lead to.
pub(crate) struct Answers(pub(crate) Value);

/// Fields that differ from one run to the next and are left out: moments, ages, the address of the service, paths on a server, and what
/// depends on which versions of the servers there are on this machine. `TotalCount` grows by the listener's next certificate.
const PASSING: &[&str] = &[
    "ChainProblem",
    "Cipher",
    "DaysLeft",
    "Enforcement",
    "EngineVersion",
    "LastSeen",
    "SecondsSilent",
    "ServerVersion",
    "Servers",
    "Since",
    "TookMs",
    "TotalCount",
    "Url",
    "Witness",
    "WitnessTime",
];

impl Answers {
    /// Asks everything.
    pub(crate) fn ask(scene: &mut Scene) -> Self {
        let mut all = Map::new();
        let task = scene.first_task();
        for (action, parameters) in questions(&task) {
            let answer = lasting(scene.call(action, &parameters).into());
            all.insert(format!("{action} {parameters}"), answer);
        }
        for id in [ORDERS, WATCHED, GROUP] {
            all.insert(format!("bundle of {id}"), json!(bundle(scene, id)));
        }
        Self(all.into())
    }

    /// Whether everything that was answered before is answered now; more may be.
    #[track_caller]
    pub(crate) fn assert_contains(&self, before: &Self) {
        if let Err(what) = contains(&self.0, &before.0) {
            panic!("{what}");
        }
    }
}

fn questions(task: &str) -> Vec<(&'static str, Value)> {
    let nothing = || json!({});
    let mut questions = vec![
        ("DescribeDBInstances", nothing()),
        ("DescribeRoGroups", json!({ "InstanceId": WATCHED })),
        ("DescribeFleet", nothing()),
        ("ListAccessKeys", nothing()),
        ("DescribeCertificates", nothing()),
        ("DescribeAuthorities", nothing()),
        ("DescribeAgents", nothing()),
        (
            "DescribeAsyncRequestInfo",
            json!({ "AsyncRequestId": task }),
        ),
        ("DescribeTasks", json!({ "InstanceId": ORDERS })),
    ];
    for subject in [
        json!({ "InstanceId": ORDERS }),
        json!({ "InstanceId": WATCHED }),
        json!({ "RoGroupId": GROUP }),
    ] {
        questions.push(("DescribeSSLStatus", subject.clone()));
        questions.push(("DescribePosture", subject));
    }
    questions
}

/// The certificates of a bundle, in order of their text.
pub(crate) fn bundle(scene: &mut Scene, id: &str) -> BTreeSet<String> {
    let url = scene.link(id).replace(".zip?", ".pem?");
    let text = scene.fetch(&url);
    let end = "-----END CERTIFICATE-----";
    text.split_inclusive(end)
        .filter_map(|part| part.find("-----BEGIN").map(|at| part[at..].to_owned()))
        .collect()
}

/// Without what is passing.
fn lasting(answer: Value) -> Value {
    match answer {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !PASSING.contains(&name.as_str()))
            .map(|(name, value)| (name, lasting(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(lasting).collect(),
        other => other,
    }
}

/// Whether `now` has everything that `before` has: the same values, and in lists the same things in any order. Else what it has not.
fn contains(now: &Value, before: &Value) -> Result<(), String> {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().try_for_each(|(name, before)| {
                let now = now.get(name).unwrap_or(&Value::Null);
                contains(now, before).map_err(|what| format!("{name}: {what}"))
            })
        }
        (Value::Array(now), Value::Array(before)) => before.iter().try_for_each(|one| {
            let mut all = now.iter().map(|now| contains(now, one));
            if all.any(|contained| contained.is_ok()) {
                return Ok(());
            }
            Err(format!("no longer\n{one}\nin\n{now:?}"))
        }),
        _ if now == before => Ok(()),
        _ => Err(format!("it was {before}, and is {now}")),
    }
}
