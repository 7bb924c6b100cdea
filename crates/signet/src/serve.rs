use std::io::Write;

use server::config::LogFormat;
use server::{Clock, Config, Entropy, RootKey, Running, Service};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

use crate::cli::Serve;
use crate::failure::Failure;
use crate::hardening;
use crate::settings;
use crate::signals::Signals;

/// Runs the service until SIGINT or SIGTERM; a second one ends it at once.
pub(crate) fn run(args: &Serve) -> Result<(), Failure> {
    let config = settings::of_serve(args)?;
    hardening::harden(&config)?;
    let root = settings::root_key()?;
    start_log(&config)?;
    hardening::warn_about_files(&config);
    let runtime = runtime(config.workers)?;
    let outcome = runtime.block_on(serve(config, root));
    // What a second signal left unfinished is dropped, not waited for.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: Config, root: Option<RootKey>) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let running = Service::start(config, Clock::System, Entropy::System, root)
        .await
        .map_err(Failure::failed)?;
    greet(&running)?;
    let name = signals.next().await;
    tracing::info!(
        signal = name,
        "stopping: requests under way are finished; a second signal ends at once"
    );
    tokio::select! {
        () = running.stop() => Ok(()),
        name = signals.next() => Err(Failure::failed(format!("ended by a second {name} before everything was finished"))),
    }
}

/// Says where the service is, and shows a fresh root key the only time there is.
fn greet(running: &Running) -> Result<(), Failure> {
    let mut text = format!(
        "Signet listens on {}\n",
        running.service.config.link_base(running.address)
    );
    if let Some(root) = &running.made_root_key {
        text.push_str(&format!(
            "The root key, made on this first start. It is not shown again:\n\
             export TENCENTCLOUD_SECRET_ID={}\n\
             export TENCENTCLOUD_SECRET_KEY={}\n",
            root.secret_id,
            root.secret_key.expose()
        ));
    }
    let mut out = std::io::stdout().lock();
    let shown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match shown {
        Err(error) if running.made_root_key.is_some() => Err(Failure::failed(format!(
            "the root key could not be shown ({error}): start again with SIGNET_ROOT_SECRET_ID and SIGNET_ROOT_SECRET_KEY set to a key of your own"
        ))),
        // Nobody reads where we are: no reason not to serve.
        _ => Ok(()),
    }
}

fn runtime(workers: usize) -> Result<Runtime, Failure> {
    let mut builder = match workers {
        // One thread does everything: no handing over between threads, and one core is all that is used.
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().map_err(Failure::failed)
}

/// Sends the log to standard error, in the configured form.
fn start_log(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log.filter)
        .map_err(|e| Failure::failed(format!("`log.filter`: {e}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log.format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.with_ansi(false).init(),
    }
    Ok(())
}
