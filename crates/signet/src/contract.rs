use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use server::api::action::Product;
use server::api::contract;

use crate::failure::Failure;

#[derive(Args)]
pub(crate) struct Contract {
    /// The folder of the repository: contract/ and docs/src/reference/ are below it
    #[arg(value_name = "FOLDER")]
    root: PathBuf,
}

/// `signet contract`: writes what is published of the table of actions.
pub(crate) fn run(args: &Contract) -> Result<(), Failure> {
    let contracts = args.root.join("contract");
    let pages = args.root.join("docs/src/reference");
    for product in Product::ALL {
        let (name, version) = (product.name(), product.version());
        let contract = serde_json::to_string_pretty(&contract::of(product));
        let contract = contract.map_err(Failure::failed)? + "\n";
        write(&contracts.join(format!("{name}-{version}.json")), &contract)?;
        write(
            &pages.join(format!("{name}.md")),
            &contract::reference(product),
        )?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|e| Failure::failed(format!("{}: {e}", path.display())))
}
