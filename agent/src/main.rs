//! `ferrule-agent`: keeps the network policy of a node's pods enforced.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use ferrule_agent::{
    agent::{Agent, Boot, Reconciler, Scope},
    allocator,
    config::{Config, ConfigError, Input, Task},
    conntrack,
    dataplane::Kernel,
    endpoint_status,
    health::{Pages, Responder},
    interface_settings, logging,
    metrics::Metrics,
    reachability, report,
    sole::Sole,
    source::{Ended, Message, Source, kubernetes, links, manifests, manifests::Locations},
    status::Status,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    time::Instant,
};

/// How many messages of the sources may wait for the loop.
const INBOX: usize = 64;
/// How long an agent that is about to end may take for it.
const SUCCESSION: Duration = Duration::from_secs(10);

/// Exit codes of the command line (0 is for what went well).
const USAGE: u8 = 2;
const COULD_NOT_RUN: u8 = 3;

fn main() -> ExitCode {
    allocator::share_one_arena();
    let (task, logging) = match Task::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(ConfigError::CommandLine(error)) => error.exit(),
        Err(error) => {
            eprintln!("error: {error}");
            return USAGE.into();
        }
    };
    logging::init(logging);
    match carry_out(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            COULD_NOT_RUN.into()
        }
    }
}

fn carry_out(task: Task) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match task {
            Task::Run(config) => run(*config).await,
            Task::Cleanup => cleanup().await,
        }
    })
}

async fn cleanup() -> anyhow::Result<()> {
    let _sole = Sole::claim(SUCCESSION).await.context("nothing is removed")?;
    let kernel = Kernel::start().context("cannot talk to nf_tables")?;
    kernel.cleanup().await.context("cannot remove our tables")?;
    tracing::info!("nothing of ours is left in the kernel; nothing is enforced");
    Ok(())
}

async fn run(config: Config) -> anyhow::Result<()> {
    tracing::info!(
        node = %config.node, input = %config.input, health = %config.health_address,
        version = env!("CARGO_PKG_VERSION"), "starting"
    );
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let metrics = Arc::new(Metrics::new());
    let awaited = source(&config.input).awaited_with();
    let (status, _) = watch::channel(Status::new(config.node.clone(), awaited, Instant::now()));
    serve(&config, &status, &metrics).await?;
    let _sole = Sole::claim(SUCCESSION).await?;

    let kernel = Kernel::start().context("cannot talk to nf_tables (CAP_NET_ADMIN is needed)")?;
    let (sender, inbox) = mpsc::channel(INBOX);
    let Started { locations, address, ended: mut policy } = start_input(&config.input, sender.clone())?;
    let reports = match &config.input {
        Input::Kubernetes(access) => {
            Some(report::start(access.clone(), config.node.clone(), status.subscribe(), sender.clone())?)
        }
        Input::Manifests(_) => None,
    };
    let mut links = links::start(config.interface_exclude, sender).context("cannot talk to rtnetlink")?;
    let settings = interface_settings::start(
        config.interface_settings,
        config.ip_forwarding,
        config.options.prefixes.clone(),
    )?;
    let endpoint_status = config.endpoint_status.as_deref().map(endpoint_status::start).transpose()?;
    let reconciler = Reconciler::new(config.node, config.options, kernel, Arc::clone(&metrics));
    let conntrack = conntrack::start().context("cannot talk to ctnetlink")?;
    let mut agent = Agent::new(reconciler, inbox, status, locations, metrics)
        .with_conntrack(conntrack)
        .with_startup_protection(config.startup_protection, Boot::within(config.boot_window))
        .with_interface_settings(settings)
        .with_endpoint_status(endpoint_status)
        .with_reports(reports);
    if let Some(rollback) = config.rollback {
        let scope = if rollback.targets.is_empty() { Scope::NodeChanges } else { Scope::EveryChange };
        let reachability = reachability::start(rollback.targets, address);
        agent = agent.with_rollback(rollback.after, scope, reachability);
    }

    tokio::select! {
        result = agent.run() => match result? {},
        () = policy.wait() => anyhow::bail!("{} is not followed any more", config.input),
        () = links.wait() => anyhow::bail!("the links are not followed any more"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("ending; the rules stay in force");
    Ok(())
}

fn source(input: &Input) -> Source {
    match input {
        Input::Manifests(_) => Source::Manifests,
        Input::Kubernetes(_) => Source::Kubernetes,
    }
}

/// The source of policy, at work.
struct Started {
    locations: Locations,
    /// Where it can be looked for, if that is known.
    address: watch::Receiver<Option<String>>,
    ended: Ended,
}

fn start_input(input: &Input, sender: mpsc::Sender<Message>) -> anyhow::Result<Started> {
    Ok(match input {
        Input::Manifests(directory) => {
            let (locations, ended) = manifests::start(directory, sender)?;
            Started { locations, address: watch::channel(None).1, ended }
        }
        Input::Kubernetes(access) => {
            let (address, ended) = kubernetes::start(access.clone(), sender)?;
            Started { locations: Locations::default(), address, ended }
        }
    })
}

async fn serve(
    config: &Config,
    status: &watch::Sender<Status>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<()> {
    let addresses = match config.metrics_address {
        None => vec![(config.health_address, Pages::Both)],
        Some(address) if address == config.health_address => vec![(address, Pages::Both)],
        Some(address) => vec![(config.health_address, Pages::Health), (address, Pages::Metrics)],
    };
    for (address, pages) in addresses {
        let listener = Responder::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; is another agent at work in this network namespace?")
        })?;
        let responder = Responder { status: status.subscribe(), metrics: Arc::clone(metrics), pages };
        tokio::spawn(responder.serve(listener));
    }
    Ok(())
}
