//! The API Explorer: find an action, fill in its form, call it, see how it was signed, and leave with code.

mod form;
mod prepare;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use askama::Template;
use serde_json::Value;
use wire::explain::{self, StepId};

use super::error::{Answer, Error};
use super::fields::Fields;
use super::page::{Layout, html};
use super::texts::Texts;
use super::times::{Moment, took};
use super::visit::{Entered, Visit};
use crate::api::action::{Effect, Entry, Product, Spec};
use crate::api::actions::{self, ACTIONS};
use crate::api::call;
use crate::http;
use crate::state::sessions::Call;
use crate::web::samples::{self, Endpoint, Language, NoEndpoint, NoRegion, Region};
use form::{Kind, Parameter};
use prepare::{Prepared, Signature, Wish};

/// The region of samples when none was chosen: SDKs want one.
const REGION: &str = "ap-guangzhou";
/// The longest query string that the history keeps; of a longer call it remembers all but the parameters.
const LONGEST_QUERY: usize = 2000;
/// What stands for a secret wherever a request is shown.
const MASK: &str = "********";

/// An action in the list that is searched.
struct Listed {
    service: &'static str,
    name: &'static str,
    summary: &'static str,
    /// What is searched beside the name: the names of its parameters.
    words: &'static str,
    is_open: bool,
}

fn list(open: Option<&Spec>) -> Vec<Listed> {
    let listed = |(place, entry): (usize, &Entry)| Listed {
        service: entry.spec.product.name(),
        name: entry.spec.name,
        summary: entry.spec.summary,
        words: &WORDS[place],
        is_open: open.is_some_and(|open| std::ptr::eq(open, entry.spec)),
    };
    ACTIONS.iter().enumerate().map(listed).collect()
}

/// The names of each action's parameters, read from the schemas once.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let words = |entry: &Entry| {
        let parameters = form::parameters(entry, &Fields::default());
        let names: Vec<_> = parameters.into_iter().map(|p| p.name).collect();
        names.join(" ")
    };
    ACTIONS.iter().map(words).collect()
});

#[derive(Template)]
#[template(path = "console/explorer_index.html")]
struct Index {
    t: &'static Texts,
    layout: Layout,
    actions: Vec<Listed>,
    history: Vec<Past>,
    /// What is searched for.
    search: String,
}

/// A call of this session.
struct Past {
    at: Moment,
    action: String,
    link: String,
    code: String,
    took: String,
    request_id: String,
}

fn history(visit: &Visit<'_>, entered: &Entered) -> Vec<Past> {
    let past = |call: Call| Past {
        at: Moment::of(call.time, visit.now, visit.texts()),
        link: format!("/console/explorer/{}{}", call.action, call.query),
        took: took(call.took),
        action: call.action,
        code: call.code,
        request_id: call.request_id,
    };
    entered.session.calls().into_iter().map(past).collect()
}

/// All actions.
pub(super) fn index(visit: &Visit<'_>, entered: &Entered) -> Answer {
    let search = visit.query.get("search");
    let wanted = search.to_lowercase();
    let mut actions = list(None);
    actions.retain(|action| action.fits(&wanted));
    html(&Index {
        t: visit.texts(),
        layout: visit.layout("explorer"),
        actions,
        history: history(visit, entered),
        search: search.to_owned(),
    })
}

impl Listed {
    /// What the script does for each key that is typed, for those without it.
    fn fits(&self, wanted: &str) -> bool {
        let text = format!(
            "{} {} {} {}",
            self.service, self.name, self.summary, self.words
        );
        let text = text.to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    }
}

#[derive(Template)]
#[template(path = "console/explorer.html")]
struct Page {
    t: &'static Texts,
    layout: Layout,
    actions: Vec<Listed>,
    service: &'static str,
    spec: &'static Spec,
    writes: bool,
    limit: u32,
    parameters: Vec<Parameter>,
    region: String,
    signatures: Vec<(&'static str, bool)>,
    errors: Vec<(&'static str, &'static str)>,
    request: String,
    /// How it was signed: each step and what came of it.
    steps: Vec<(&'static str, String)>,
    response: Option<Response>,
    samples: Vec<Sample>,
    /// Why there are no samples.
    no_samples: String,
    deep_link: String,
    /// The list of actions begins with all of them.
    search: String,
    history: Vec<Past>,
}

/// The call as a program.
struct Sample {
    language: Language,
    text: String,
}

/// What came back.
struct Response {
    head: String,
    body: String,
    /// The error code; empty when it succeeded.
    code: String,
    request_id: String,
    took: String,
}

/// An action, filled in from the address.
pub(super) fn page(visit: &Visit<'_>, entered: &Entered, service: &str, action: &str) -> Answer {
    let entry = find(service, action)?;
    let attempt = Attempt::read(visit, entered, entry, &visit.query);
    attempt.page(visit, entered, None)
}

/// Calls the action, as any client would, or only shows the request. That is a form as well: an address is written down in too
/// many places for a secret that was filled in.
pub(super) async fn call(
    visit: &Visit<'_>,
    entered: &Entered,
    service: &str,
    action: &str,
) -> Answer {
    let entry = find(service, action)?;
    let attempt = Attempt::read(visit, entered, entry, &visit.form);
    let response = match visit.form.given(".show") {
        Some(_) => None,
        None => Some(attempt.send(visit, entered).await),
    };
    attempt.page(visit, entered, response)
}

fn find(service: &str, action: &str) -> Result<&'static Entry, Error> {
    let mut products = Product::ALL.into_iter();
    let product = products.find(|product| product.name() == service);
    product
        .and_then(|product| actions::named(product, action))
        .ok_or(Error::NotFound)
}

/// A form that was filled in, and the request that it makes.
struct Attempt {
    entry: &'static Entry,
    parameters: Vec<Parameter>,
    signature: Signature,
    region: String,
    prepared: Prepared,
}

impl Attempt {
    fn read(visit: &Visit<'_>, entered: &Entered, entry: &'static Entry, given: &Fields) -> Self {
        let parameters = form::parameters(entry, given);
        let signature = Signature::named(given.get(".signature"));
        let region = given.get(".region").trim().to_owned();
        let wish = Wish {
            spec: entry.spec,
            parameters: &form::filled(&parameters),
            signature,
            region: &region,
            language: visit.language.as_str(),
            host: visit.host(),
            now: visit.now,
            nonce: u32::from_be_bytes(visit.service.entropy.bytes()),
        };
        Self {
            entry,
            prepared: Prepared::sign(&wish, &entered.key),
            parameters,
            signature,
            region,
        }
    }

    /// Sends it through the whole gate, and remembers it.
    async fn send(&self, visit: &Visit<'_>, entered: &Entered) -> Response {
        let started = Instant::now();
        let answer = call::answer(visit.service, visit.from, &self.prepared.request()).await;
        let time = started.elapsed();
        let response = Response::of(answer.body, time);
        let spec = self.entry.spec;
        entered.session.remember(Call {
            time: visit.now,
            action: format!("{}/{}", spec.product.name(), spec.name),
            query: Some(self.query())
                .filter(|query| query.len() <= LONGEST_QUERY)
                .unwrap_or_default(),
            request_id: response.request_id.clone(),
            code: response.code.clone(),
            took: time,
        });
        response
    }

    fn page(self, visit: &Visit<'_>, entered: &Entered, response: Option<Response>) -> Answer {
        let spec = self.entry.spec;
        let service = spec.product.name();
        let route = visit.service.table.find(spec.name, spec.product.version());
        let codes = spec.errors.iter();
        let address = format!("/console/explorer/{service}/{}{}", spec.name, self.query());
        let (samples, no_samples) = match self.samples(visit) {
            Ok(samples) => (samples, String::new()),
            Err(why) => (Vec::new(), why),
        };
        html(&Page {
            t: visit.texts(),
            layout: Layout {
                here: address.clone(),
                ..visit.layout("explorer")
            },
            actions: list(Some(spec)),
            service,
            spec,
            writes: spec.effect == Effect::Writes,
            limit: route.map_or(spec.limit, |route| route.limit),
            signatures: Signature::ALL
                .map(|one| (one.name(), one == self.signature))
                .into(),
            errors: codes.map(|code| (code.as_str(), code.meaning())).collect(),
            request: self.masked(&self.prepared.text()),
            steps: self.steps(visit.texts(), entered),
            region: self.region.clone(),
            samples,
            no_samples,
            deep_link: address,
            search: String::new(),
            history: history(visit, entered),
            parameters: self.parameters,
            response,
        })
    }

    /// What fills the form in again, without what is secret.
    fn query(&self) -> String {
        let open = self.parameters.iter().filter(|parameter| !parameter.secret);
        let mut fields = open.fold(Fields::default(), |fields, parameter| {
            fields.with(&parameter.name, &parameter.value)
        });
        if self.signature != Signature::Tc3 {
            fields = fields.with(".signature", self.signature.name());
        }
        fields.with(".region", &self.region).query()
    }

    /// The call in every language, or why there is no such program.
    fn samples(&self, visit: &Visit<'_>) -> Result<Vec<Sample>, String> {
        let endpoint: Endpoint = visit
            .endpoint()
            .parse()
            .map_err(|no: NoEndpoint| no.to_string())?;
        let region = match self.region.as_str() {
            "" => REGION,
            region => region,
        };
        let region: Region = region.parse().map_err(|no: NoRegion| no.to_string())?;
        let parameters = form::filled(&self.parameters);
        let call = samples::Call::new(&endpoint, &region, self.entry, &parameters)
            .map_err(|refusal| refusal.message(visit.language).into_owned())?;
        let one = |language| Sample {
            language,
            text: samples::sample(language, &call),
        };
        Ok(Language::ALL.map(one).into())
    }

    /// How the request was signed.
    fn steps(&self, t: &Texts, entered: &Entered) -> Vec<(&'static str, String)> {
        let request = self.prepared.request();
        let Ok(envelope) = wire::parse(&request) else {
            return Vec::new(); // it is too large to be accepted, and the response says so
        };
        let steps = explain::steps(&envelope.proof, entered.key.secret_key());
        let told = |step: explain::Step| (step_title(step.id, t), self.masked(&step.text));
        steps.into_iter().map(told).collect()
    }

    /// A text about the request without its secrets, however they are written in it.
    fn masked(&self, text: &str) -> String {
        let secrets = self
            .parameters
            .iter()
            .filter(|parameter| parameter.secret && !parameter.value.is_empty());
        secrets.fold(text.to_owned(), |text, secret| {
            let as_json = Value::from(secret.value.as_str()).to_string();
            let in_json = as_json.trim_matches('"');
            let in_query: String =
                form_urlencoded::byte_serialize(secret.value.as_bytes()).collect();
            text.replace(in_json, MASK)
                .replace(&in_query, MASK)
                .replace(&in_query.replace('+', "%20"), MASK)
                .replace(&secret.value, MASK)
        })
    }
}

fn step_title(id: StepId, t: &Texts) -> &'static str {
    match id {
        StepId::CanonicalRequest => t.canonical_request,
        StepId::CanonicalHash => t.canonical_hash,
        StepId::Scope => t.credential_scope,
        StepId::Parameters => t.sorted_parameters,
        StepId::Algorithm => t.algorithm,
        StepId::StringToSign => t.string_to_sign,
        StepId::DateKey => t.date_key,
        StepId::ServiceKey => t.service_key,
        StepId::SigningKey => t.signing_key,
        StepId::Signature => t.signature_itself,
        StepId::Authorization => t.authorization,
        StepId::Encoded => t.encoded_request,
    }
}

impl Response {
    fn of(answer: Vec<u8>, time: Duration) -> Self {
        let value: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let length = answer.len();
        let reply = http::reply_of(answer);
        let mut head = format!("HTTP/1.1 {}\n", reply.status());
        for (name, value) in reply.headers() {
            head.push_str(&format!("{name}: {}\n", value.to_str().unwrap_or_default()));
        }
        head.push_str(&format!("content-length: {length}\n"));
        let response = &value["Response"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            head,
            body: serde_json::to_string_pretty(&value).unwrap_or_default(),
            code: text(&response["Error"]["Code"]),
            request_id: text(&response["RequestId"]),
            took: took(time),
        }
    }
}
