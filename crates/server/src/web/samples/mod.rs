//! Code samples: a call as a whole program, in each language that the vendor has an SDK for, and in shell and Rust.
//!
//! Parameters → [`literal`] (values that know their types) → [`tree`] or [`setters`] (how a language writes them) → one file
//! for each language, which puts its program around them. Pure functions.
//!
//! Actions of the vendor's are called through the SDK's typed client and models. Ours need the action and its version to be
//! signed, which no SDK does: those programs sign by themselves, with what the language has. No secret is in a sample: it reads
//! keys and secret parameters from the environment.

/// Where a call goes: endpoint and region.
mod endpoint;

/// Parameters that know their types.
mod literal;

/// Texts as languages write them.
mod text;

/// Values as expressions.
mod tree;

/// Values as statements, for SDKs whose models are filled by setters.
mod setters;

mod cpp;
mod csharp;
mod go;
mod java;
mod json;
mod node;
mod php;
mod python;
mod ruby;
mod rust;
mod shell;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use wire::Refusal;

use crate::api::action::{Entry, Product};

pub use endpoint::{Endpoint, NoEndpoint, NoRegion, Region, Scheme};
use literal::{Fields, Literal};

/// What a sample is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python, with the vendor's SDK.
    Python,
    /// Go, with the vendor's SDK.
    Go,
    /// Java, with the vendor's SDK.
    Java,
    /// Node.js, with the vendor's SDK.
    NodeJs,
    /// PHP, with the vendor's SDK.
    Php,
    /// C#, with the vendor's SDK.
    CSharp,
    /// C++, with the vendor's SDK.
    Cpp,
    /// Ruby, with the vendor's SDK.
    Ruby,
    /// A command of the vendor's tccli; of `signet` where tccli does not know the action.
    Tccli,
    /// A script of openssl and curl.
    Curl,
    /// Rust, with the crate of this project that signs. The vendor has no SDK.
    Rust,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 11] = [
        Self::Python,
        Self::Go,
        Self::Java,
        Self::NodeJs,
        Self::Php,
        Self::CSharp,
        Self::Cpp,
        Self::Ruby,
        Self::Tccli,
        Self::Curl,
        Self::Rust,
    ];

    /// Its name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Go => "go",
            Self::Java => "java",
            Self::NodeJs => "nodejs",
            Self::Php => "php",
            Self::CSharp => "csharp",
            Self::Cpp => "cpp",
            Self::Ruby => "ruby",
            Self::Tccli => "tccli",
            Self::Curl => "curl",
            Self::Rust => "rust",
        }
    }

    /// Its name for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::NodeJs => "Node.js",
            Self::Php => "PHP",
            Self::CSharp => "C#",
            Self::Cpp => "C++",
            Self::Ruby => "Ruby",
            Self::Tccli => "tccli",
            Self::Curl => "curl",
            Self::Rust => "Rust",
        }
    }

    /// What a file with a sample is called. Java asks for this very name.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Python => "sample.py",
            Self::Go => "main.go",
            Self::Java => "Sample.java",
            Self::NodeJs => "sample.js",
            Self::Php => "sample.php",
            Self::CSharp => "Sample.cs",
            Self::Cpp => "sample.cpp",
            Self::Ruby => "sample.rb",
            Self::Tccli => "tccli.sh",
            Self::Curl => "curl.sh",
            Self::Rust => "main.rs",
        }
    }
}

/// A call to be shown.
pub struct Call<'a> {
    endpoint: &'a Endpoint,
    region: &'a Region,
    entry: &'static Entry,
    parameters: Fields,
}

impl<'a> Call<'a> {
    /// Fits the parameters to the action. Some that it needs may be missing: a sample is also shown of a form that is half
    /// filled in.
    ///
    /// # Errors
    /// A parameter that the action does not have, or that has another type.
    pub fn new(
        endpoint: &'a Endpoint,
        region: &'a Region,
        entry: &'static Entry,
        parameters: &Map<String, Value>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            endpoint,
            region,
            entry,
            parameters: literal::parameters(entry, parameters)?,
        })
    }

    fn action(&self) -> &'static str {
        self.entry.spec.name
    }

    fn service(&self) -> &'static str {
        self.entry.spec.product.name()
    }

    fn version(&self) -> &'static str {
        self.entry.spec.product.version()
    }

    /// Whether the vendor's SDKs have a model of the action.
    fn is_the_vendors(&self) -> bool {
        self.entry.spec.product == Product::Cdb
    }

    /// The variables that the environment must have: the key, and each secret that is given.
    fn environment(&self) -> Vec<&str> {
        let mut names = vec!["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"];
        names.extend(self.secrets().into_values());
        names
    }

    /// The parameters that are secrets, each with its variable.
    fn secrets(&self) -> BTreeMap<&str, &str> {
        self.parameters
            .iter()
            .filter_map(|(name, value)| match value {
                Literal::Secret(variable) => Some((name.as_str(), variable.as_str())),
                _ => None,
            })
            .collect()
    }

    /// The SDK's models that a program with its typed client uses: the request, and what is in it.
    fn models(&self) -> BTreeSet<String> {
        let mut models = BTreeSet::from([format!("{}Request", self.action())]);
        literal::collect_models(&self.parameters, &mut models);
        models
    }

    /// What stands at the top of a sample, behind the language's sign of a comment.
    fn heading(&self, comment: &str, needs: &str) -> String {
        let (action, service, version) = (self.action(), self.service(), self.version());
        let environment = self.environment().join(", ");
        format!(
            "{comment} {action} of {service} {version}.\n{comment} Needs: {needs}\n{comment} Environment: {environment}\n"
        )
    }
}

/// A call as a program.
pub fn sample(language: Language, call: &Call<'_>) -> String {
    match language {
        Language::Python => python::sample(call),
        Language::Go => go::sample(call),
        Language::Java => java::sample(call),
        Language::NodeJs => node::sample(call),
        Language::Php => php::sample(call),
        Language::CSharp => csharp::sample(call),
        Language::Cpp => cpp::sample(call),
        Language::Ruby => ruby::sample(call),
        Language::Tccli => shell::tccli(call),
        Language::Curl => shell::curl(call),
        Language::Rust => rust::sample(call),
    }
}
