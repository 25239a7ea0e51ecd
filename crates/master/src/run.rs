//! A master's life: opening everything in order, and closing it in the other.

use crate::Clock;
use crate::admission::Sessions;
use crate::base::{BaseDir, BaseError, Hold};
use crate::control::Door;
use crate::early;
use crate::heart::Heart;
use crate::hub::Hub;
use crate::input::Input;
use crate::local::LocalWorkers;
use crate::obstacles::Obstacles;
use crate::outbox::Outbox;
use crate::server::{ServerLimits, serve};
use crate::session::Doorway;
use crate::transfer::Keys;
use crate::{attempts, gate, left_open, socket, transfer, watch_jobdirs, watch_sources};
use engine::{Surroundings, World};
use killpoint::fail_point;
use model::{Config, Event};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use store::{Location, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use web::control::{Control, ControlError};
use web::rest::auth::{Anonymous, Auth, sum};

/// How many inputs may wait for the heart.
const INBOX: usize = 4096;

/// How long the logs may take to be written to the end when the master stops.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How many events a slow listener may be behind before it is told to look anew.
const EVENTS: usize = 4096;

/// What a master is started with.
pub struct Setup {
    /// Its base directory; made when absent.
    pub base: BaseDir,
    /// What is in force from the beginning.
    pub config: Config,
    /// Its functions, and the time zone of the machine.
    pub surroundings: Surroundings,
    /// Whether a reload reads `master.star` again.
    pub reload: Reload,
    /// The program that supervises commands.
    pub exe: PathBuf,
    /// What becomes of the commands of local workers when the master stops.
    pub on_stop: OnStop,
    /// How long others may take on its port, and how many they may be.
    pub limits: ServerLimits,
}

/// Whether the configuration can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// From `master.star` in the base directory.
    FromFile,
    /// It was made by the caller.
    Never,
}

/// What becomes of running commands when the master stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStop {
    /// They end, and no process is left.
    EndCommands,
    /// They go on, and the next master takes them up again.
    LeaveRunning,
}

impl Setup {
    /// As `sluice master run` starts it.
    pub fn of(base: BaseDir, config: Config) -> Self {
        let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("sluice"));
        Self {
            base,
            config,
            surroundings: Surroundings::default(),
            reload: Reload::FromFile,
            exe,
            on_stop: OnStop::LeaveRunning,
            limits: ServerLimits::default(),
        }
    }
}

/// Why a master does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The base directory cannot be used.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] StoreError),
    /// The logs cannot be opened.
    #[error("the logs cannot be opened")]
    Logs(#[from] logs::LogError),
    /// Nobody can connect.
    #[error("cannot listen on {address}; web(listen = \"HOST:PORT\") says where")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The files that tell others where it is cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// A running master.
pub struct Master {
    door: Arc<Door>,
    address: SocketAddr,
    base: BaseDir,
    inbox: mpsc::Sender<Input>,
    store: Store,
    logs: logs::Logs,
    /// Local workers and change sources end first, while their words are still heard.
    closing: CancellationToken,
    shutdown: CancellationToken,
    doors: Vec<JoinHandle<()>>,
    heart: JoinHandle<()>,
    server: JoinHandle<()>,
    _hold: Hold,
}

impl Master {
    /// Opens the store and the logs, reads the live part, and lets everybody in.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs then.
    pub async fn start(setup: Setup) -> Result<Master, StartError> {
        let Setup { base, config, surroundings, reload, exe, on_stop, limits } = setup;
        base.create()?;
        let hold = base.hold()?;
        let (listener, address) = listen(&config.web.listen).await?;
        let store = Store::open(&location(&base, &config)).await?;
        let logs = logs::Logs::open(base.logs())?;
        let keys = Keys::new(&base.token()?);
        let parts = Parts::new(&store, &logs, &keys);
        let functions = watch::Sender::new(surroundings.functions.clone());
        let heart = parts.wake_up(Arc::new(config.clone()), surroundings).await?;
        crate::in_force::write(&base, &config);
        let config_in_force = watch::Sender::new(Arc::new(config));
        let door = Arc::new(Door {
            inbox: parts.inbox.clone(),
            store: store.clone(),
            clock: parts.clock.clone(),
            config: config_in_force.clone(),
            functions,
            sources: Default::default(),
            gates: Default::default(),
            public_url: format!("http://{address}/"),
            attempts: base.attempts(),
            base: (reload == Reload::FromFile).then(|| base.clone()),
            obstacles: parts.obstacles.clone(),
            seen: Default::default(),
        });
        let auth = Arc::new(auth(&base, &config_in_force.borrow())?);
        let doorway = Arc::new(parts.doorway(exe.clone()));
        let router = parts.router(door.clone(), auth.clone()).merge(socket::router(doorway.clone()));
        let router = router.merge(transfer::router(keys, base.clone(), parts.inbox.clone()));
        let router = router.merge(web::public::router(&base.public()));
        let heart = tokio::spawn(heart.beat());
        let server = tokio::spawn(serve(listener, router, limits, parts.shutdown.clone()));
        let closing = CancellationToken::new();
        let workers = LocalWorkers { base: base.clone(), exe, on_stop, door: doorway, shutdown: closing.clone() };
        let syncs = parts.hub.clone();
        let synced = logs.synced();
        tokio::spawn(async move { syncs.hand_on_syncs(synced).await });
        tokio::spawn(follow_stalls(logs.stalled(), parts.obstacles.clone()));
        tokio::spawn(early::keep(logs.clone(), parts.hub.clone()));
        tokio::spawn(left_open::close(store.clone(), logs.clone(), parts.hub.clone()));
        tokio::spawn(hand_on_growth(logs.clone(), parts.inbox.clone(), parts.events.clone()));
        tokio::spawn(follow_auth(base.clone(), auth, config_in_force.subscribe()));
        let outbox = parts.outbox(door.clone());
        let tools = gate::Tools { base: base.clone(), door: door.clone(), events: parts.events.clone() };
        tokio::spawn(attempts::keep(base.attempts(), closing.clone()));
        let doors = vec![
            tokio::spawn(door.clone().keep_looking(closing.clone())),
            tokio::spawn(outbox.keep(config_in_force.subscribe(), closing.clone())),
            tokio::spawn(workers.keep(config_in_force.subscribe(), parts.leaving.subscribe())),
            tokio::spawn(watch_jobdirs::keep(base.clone(), door.clone(), config_in_force.subscribe(), closing.clone())),
            tokio::spawn(gate::keep(tools, config_in_force.subscribe(), closing.clone())),
            tokio::spawn(watch_sources::keep(base.clone(), door.clone(), config_in_force.subscribe(), closing.clone())),
        ];
        let Parts { inbox, shutdown, .. } = parts;
        let master =
            Master { door, address, base, inbox, store, logs, closing, shutdown, doors, heart, server, _hold: hold };
        master.write_down()?;
        fail_point!("address-written");
        Ok(master)
    }

    /// Where it is reached: the address that it listens on.
    pub fn url(&self) -> &str {
        &self.door.public_url
    }

    /// The port that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The acts that pages and REST have, for whoever hosts the master.
    pub fn control(&self) -> Arc<dyn Control> {
        self.door.clone()
    }

    /// Reads the configuration again: all of it comes into force, or nothing. A line for each thing that changed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn reload(&self) -> Result<Vec<String>, ControlError> {
        self.door.reload().await
    }

    /// Ends everything in order: doors first, then the heart, then what is written.
    pub async fn stop(self) {
        self.closing.cancel();
        for door in self.doors {
            report("a door", door.await);
        }
        self.shutdown.cancel();
        let (reply, done) = tokio::sync::oneshot::channel();
        if self.inbox.send(Input::Quit { reply }).await.is_ok() {
            let _ = done.await;
        }
        report("the heart", self.heart.await);
        report("the server", self.server.await);
        match tokio::time::timeout(LAST_WORDS, self.logs.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(e)) => tracing::error!("the logs cannot be written to the end: {e}"),
            Err(_) => tracing::error!("the logs cannot be written now; their workers keep what is missing"),
        }
        self.store.close().await;
        let _ = std::fs::remove_file(self.base.address());
    }

    /// Says on disk which process serves this directory, and where.
    fn write_down(&self) -> Result<(), StartError> {
        let path = self.base.address();
        let text = format!("{} {}\n", std::process::id(), self.door.public_url);
        std::fs::write(&path, text).map_err(|source| StartError::Write { path, source })
    }
}

fn report(what: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(e) = ended {
        tracing::error!("{what} ended badly: {e}");
    }
}

/// What the heart and its doors share.
struct Parts {
    store: Store,
    logs: logs::Logs,
    inbox: mpsc::Sender<Input>,
    ears: std::sync::Mutex<Option<mpsc::Receiver<Input>>>,
    hub: Arc<Hub>,
    events: broadcast::Sender<Arc<Event>>,
    version: Arc<AtomicU64>,
    leaving: watch::Sender<BTreeSet<String>>,
    bell: watch::Sender<()>,
    clock: Clock,
    shutdown: CancellationToken,
    obstacles: Arc<Obstacles>,
}

impl Parts {
    fn new(store: &Store, logs: &logs::Logs, keys: &Keys) -> Self {
        let (inbox, ears) = mpsc::channel(INBOX);
        let events = broadcast::channel(EVENTS).0;
        let clock = Clock::default();
        Self {
            obstacles: Arc::new(Obstacles::new(clock.clone(), events.clone())),
            store: store.clone(),
            logs: logs.clone(),
            hub: Arc::new(Hub::new(inbox.clone(), keys.clone())),
            inbox,
            ears: std::sync::Mutex::new(Some(ears)),
            events,
            version: Arc::default(),
            leaving: watch::Sender::default(),
            bell: watch::Sender::default(),
            clock,
            shutdown: CancellationToken::new(),
        }
    }

    /// The heart, with the world as the store has it and the configuration recorded.
    async fn wake_up(&self, config: Arc<Config>, surroundings: Surroundings) -> Result<Heart, StartError> {
        // With the configuration that is about to be in force: what running builds hold follows from it.
        let mut world = World::load(self.store.snapshot().await?, config.clone());
        world.surround(surroundings);
        fail_point!("world-read");
        let ears = crate::session::lock(&self.ears).take();
        let (_, nobody) = mpsc::channel(1);
        let mut heart = Heart {
            world,
            store: self.store.clone(),
            logs: self.logs.clone(),
            clock: self.clock.clone(),
            inbox: ears.unwrap_or(nobody),
            own_inbox: self.inbox.clone(),
            sessions: Sessions::new(self.hub.clone()),
            events: self.events.clone(),
            version: self.version.clone(),
            again: Vec::new(),
            anew: false,
            first: model::BuildId(0),
            leaving: self.leaving.clone(),
            bell: self.bell.clone(),
            obstacles: self.obstacles.clone(),
        };
        heart.awaken(config).await;
        Ok(heart)
    }

    fn outbox(&self, door: Arc<Door>) -> Outbox {
        let (store, logs, bell) = (self.store.clone(), self.logs.clone(), self.bell.clone());
        Outbox { store, logs, clock: self.clock.clone(), door, bell }
    }

    fn doorway(&self, exe: PathBuf) -> Doorway {
        Doorway {
            hub: self.hub.clone(),
            inbox: self.inbox.clone(),
            logs: self.logs.clone(),
            clock: self.clock.clone(),
            shutdown: self.shutdown.clone(),
            exe,
            store: self.store.clone(),
            obstacles: self.obstacles.clone(),
        }
    }

    fn router(&self, control: Arc<dyn Control>, auth: Arc<Auth>) -> axum::Router {
        web::router(web::Web {
            store: self.store.clone(),
            logs: self.logs.clone(),
            control,
            events: self.events.clone(),
            shutdown: self.shutdown.clone(),
            auth,
            version: self.version.clone(),
            rest: Arc::default(),
        })
    }
}

async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

pub(crate) fn location(base: &BaseDir, config: &Config) -> Location {
    match &config.database {
        Some(url) => Location::Postgres(url.reveal().to_owned()),
        None => Location::Sqlite(base.database()),
    }
}

fn anonymous(config: &Config) -> Anonymous {
    if config.web.anonymous_control { Anonymous::Acts } else { Anonymous::Reads }
}

fn auth(base: &BaseDir, config: &Config) -> Result<Auth, BaseError> {
    Ok(Auth::new(Some(sum(&base.token()?)), &config.web.users, anonymous(config)))
}

/// Who may act follows the configuration.
async fn follow_auth(base: BaseDir, auth: Arc<Auth>, mut config: watch::Receiver<Arc<Config>>) {
    while config.changed().await.is_ok() {
        let config = config.borrow_and_update().clone();
        match base.token() {
            Ok(token) => auth.replace(Some(sum(&token)), &config.web.users, anonymous(&config)),
            Err(e) => tracing::error!("who may act stays as it was: {e}"),
        }
    }
}

/// Tells whether logs can be written, until there are no logs any more.
async fn follow_stalls(mut stalled: watch::Receiver<Option<String>>, obstacles: Arc<Obstacles>) {
    while stalled.changed().await.is_ok() {
        let why = stalled.borrow_and_update().clone();
        obstacles.logs(why);
    }
}

/// How long the growth of logs may wait while nobody listens to events.
const UNHEARD: Duration = Duration::from_millis(20);

/// Tells the heart how logs grow, for those who listen to events. While nobody does, it is not woken for each line.
async fn hand_on_growth(logs: logs::Logs, inbox: mpsc::Sender<Input>, events: broadcast::Sender<Arc<Event>>) {
    let mut growth = logs.growth();
    drop(logs);
    loop {
        let mut next = match growth.recv().await {
            Ok(first) => Some(first),
            Err(broadcast::error::RecvError::Lagged(_)) => None,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if events.receiver_count() == 0 {
            tokio::time::sleep(UNHEARD).await;
        }
        // Who came meanwhile hears all of it.
        while let Some(logs::Growth { build, log, lines, .. }) = next {
            if events.receiver_count() > 0 && inbox.send(Input::Grew { build, log, lines }).await.is_err() {
                return;
            }
            next = growth.try_recv().ok();
        }
    }
}
