//! A master without store, engine or pages: it starts commands on one worker and remembers what comes back.

use futures_util::{SinkExt, StreamExt};
use model::worker::Secret;
use model::{CommandLine, ShellSpec, Span, Stream, Time};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use wire::{Again, Assignment, CommandId, Ending, MasterEvent, MasterLedger, MasterSession, ShellWork, Welcome, Work};
use worker::{Master, Patience, Pipe, Setup, Wish};

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// What the stub knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) ledger: MasterLedger,
    pub(crate) logs: BTreeMap<CommandId, Vec<(Stream, Vec<u8>)>>,
    pub(crate) endings: BTreeMap<CommandId, Ending>,
    pub(crate) started: Vec<CommandId>,
    pub(crate) resumed: Vec<CommandId>,
    pub(crate) gone: Vec<CommandId>,
    pub(crate) lost: Vec<(CommandId, String)>,
    pub(crate) welcomes: usize,
    pub(crate) refusals: usize,
    pub(crate) byes: usize,
    pub(crate) live: bool,
    pub(crate) infos: Vec<model::WorkerInfo>,
    /// The password that lets a worker in.
    pub(crate) password: String,
    /// Ends the present connection.
    cut: u64,
    /// Sent as they are.
    raw: Vec<Vec<u8>>,
    replace: bool,
}

impl State {
    /// Ends the present connection; nothing more of it is listened to.
    pub(crate) fn cut(&mut self) {
        self.cut += 1;
    }
}

/// The stub.
#[derive(Clone)]
pub(crate) struct Stub {
    state: Arc<Mutex<State>>,
    poke: Arc<Notify>,
    changed: Arc<watch::Sender<u64>>,
    born: Instant,
}

impl Stub {
    pub(crate) fn new() -> Self {
        let state = State { password: "p".to_owned(), ..State::default() };
        Self {
            state: Arc::new(Mutex::new(state)),
            poke: Arc::new(Notify::new()),
            changed: Arc::new(watch::channel(0).0),
            born: Instant::now(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread has panicked")
    }

    fn now(&self) -> Time {
        Time(Span::from(self.born.elapsed()).0)
    }

    /// Waits until the state is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&State) -> bool) {
        let mut changes = self.changed.subscribe();
        let waited = tokio::time::timeout(LIMIT, async {
            while !wanted(&self.state()) {
                changes.changed().await.expect("the stub lives");
            }
        });
        assert!(waited.await.is_ok(), "it takes too long: {what}");
    }

    /// Changes the state, and sends what follows.
    pub(crate) fn act<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.poke.notify_waiters();
        self.poke.notify_one();
        result
    }

    pub(crate) fn start(&self, command: CommandId, script: &str) {
        self.start_work(command, shell(script));
    }

    pub(crate) fn start_work(&self, command: CommandId, work: Work) {
        let assignment = Assignment::new("linux", work);
        self.act(|s| s.ledger.start(command, &assignment).expect("small"));
    }

    pub(crate) fn cut(&self) {
        self.act(State::cut);
    }

    pub(crate) fn send_raw(&self, frame: &[u8]) {
        self.act(|s| s.raw.push(frame.to_vec()));
    }

    pub(crate) fn replace(&self) {
        self.act(|s| s.replace = true);
    }

    pub(crate) async fn ended(&self, command: CommandId) -> Ending {
        self.until("the end of the command", |s| s.endings.contains_key(&command)).await;
        self.state().endings[&command].clone()
    }

    /// Waits until a command has written so many bytes to its standard output.
    pub(crate) async fn wrote(&self, command: CommandId, bytes: usize) {
        let length = |s: &State| {
            let pieces = s.logs.get(&command).into_iter().flatten();
            pieces.filter(|(s, _)| *s == Stream::Stdout).map(|(_, data)| data.len()).sum::<usize>()
        };
        self.until("output", |s| length(s) >= bytes).await;
    }

    /// What a command wrote to a stream.
    pub(crate) fn output(&self, command: CommandId, stream: Stream) -> Vec<u8> {
        let state = self.state();
        let pieces = state.logs.get(&command).into_iter().flatten().filter(|(s, _)| *s == stream);
        pieces.flat_map(|(_, data)| data.iter().copied()).collect()
    }

    pub(crate) fn text(&self, command: CommandId) -> String {
        String::from_utf8(self.output(command, Stream::Stdout)).expect("text")
    }

    /// The door for workers in this process.
    pub(crate) fn door(&self) -> mpsc::Sender<Pipe> {
        let (door, mut pipes) = mpsc::channel::<Pipe>(1);
        let stub = self.clone();
        tokio::spawn(async move {
            while let Some(pipe) = pipes.recv().await {
                tokio::spawn(stub.clone().serve(pipe));
            }
        });
        door
    }

    /// Listens for workers on a port of its own, or on the given one.
    pub(crate) async fn listen(&self, port: u16) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stub = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(stub.clone().socket(stream));
            }
        });
        address
    }

    async fn socket(self, stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (mut sink, mut source) = socket.split();
        let (to_worker, mut down) = mpsc::channel::<Vec<u8>>(4);
        let (up, from_worker) = mpsc::channel(4);
        let serving = tokio::spawn(self.serve(Pipe { from_worker, to_worker }));
        let writing = async move {
            while let Some(frame) = down.recv().await {
                if sink.send(Message::binary(frame)).await.is_err() {
                    break;
                }
            }
        };
        let reading = async move {
            while let Some(Ok(message)) = source.next().await {
                if let Message::Binary(bytes) = message
                    && up.send(bytes.to_vec()).await.is_err()
                {
                    break;
                }
            }
        };
        tokio::select! {
            () = writing => {},
            () = reading => {},
        }
        serving.await.ok();
    }

    async fn serve(self, mut pipe: Pipe) {
        let mut session = MasterSession::new(self.now());
        let cut = self.state().cut;
        loop {
            let mut frames = Vec::new();
            {
                let mut guard = self.state();
                let state = &mut *guard;
                if state.cut != cut {
                    break;
                }
                if std::mem::take(&mut state.replace) {
                    session.replaced("a test");
                }
                if session.is_live() {
                    frames.append(&mut state.raw);
                }
                while let Some(frame) = session.next_frame(&mut state.ledger) {
                    frames.push(frame);
                }
            }
            for frame in frames {
                if pipe.to_worker.send(frame).await.is_err() {
                    break;
                }
            }
            if session.is_over() {
                break;
            }
            tokio::select! {
                () = self.poke.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    if session.tick(self.now()).is_err() {
                        break;
                    }
                }
                frame = pipe.from_worker.recv() => {
                    let Some(frame) = frame else { break };
                    self.take(&mut session, &frame, cut);
                    while let Ok(more) = pipe.from_worker.try_recv() {
                        self.take(&mut session, &more, cut);
                    }
                }
            }
        }
        self.state().live = false;
        self.changed.send_modify(|n| *n += 1);
    }

    fn take(&self, session: &mut MasterSession, frame: &[u8], cut: u64) {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        if state.cut != cut {
            return;
        }
        let mut events = Vec::new();
        session.receive(&mut state.ledger, frame, now, &mut events).expect("a worker keeps to the protocol");
        let mut i = 0;
        while i < events.len() {
            let event = events[i].clone();
            self.event(session, state, event, &mut events);
            i += 1;
        }
        drop(guard);
        self.changed.send_modify(|n| *n += 1);
    }

    fn event(&self, session: &mut MasterSession, state: &mut State, event: MasterEvent, more: &mut Vec<MasterEvent>) {
        match event {
            MasterEvent::Login(hello) => {
                state.infos.push(hello.info.clone());
                if hello.password.reveal() == state.password {
                    state.welcomes += 1;
                    state.live = true;
                    let terms = Welcome::usual(state.welcomes as i64);
                    session.welcome(&mut state.ledger, terms, self.now(), more);
                } else {
                    state.refusals += 1;
                    session.refuse("the password is wrong", Again::Slowly);
                }
            }
            MasterEvent::Started { command } => state.started.push(command),
            MasterEvent::Resumed { command } => state.resumed.push(command),
            MasterEvent::Chunk { command, log, stream, offset, data } => {
                let end = offset + data.len() as u64;
                state.logs.entry(command).or_default().push((stream, data));
                state.ledger.acknowledge(command, log, end, end);
            }
            MasterEvent::Ended { command, ending, .. } => {
                assert!(state.endings.insert(command, *ending).is_none(), "a second end");
                state.ledger.forget(command);
            }
            MasterEvent::Lost { command, reason } => state.lost.push((command, reason)),
            MasterEvent::Stale { .. } => {}
            MasterEvent::Gone { command } => state.gone.push(command),
            MasterEvent::Leaving | MasterEvent::Stuck(_) => {}
            MasterEvent::Bye => state.byes += 1,
        }
    }
}

/// The work of a step that runs a script.
pub(crate) fn shell(script: &str) -> Work {
    let mut spec = ShellSpec::new(CommandLine::Script(script.into()));
    spec.log_environ = false;
    spec.sigterm_time = Span::seconds(2);
    Work::Shell(ShellWork::of(&spec, &BTreeMap::new()))
}

/// The id of a step's command.
pub(crate) fn command(step: i64) -> CommandId {
    CommandId { build: 1, epoch: 1, step }
}

/// The program with supervisors, built beside the tests.
pub(crate) fn exe() -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    let target = tests.ancestors().nth(2).expect("a target directory");
    target.join("examples/worker_hands")
}

/// A worker that runs in this process.
pub(crate) struct Running {
    pub(crate) wish: watch::Sender<Wish>,
    pub(crate) task: JoinHandle<Result<(), worker::WorkerError>>,
}

impl Running {
    pub(crate) fn new(setup: Setup) -> Self {
        let (wish, wished) = watch::channel(Wish::GoOn);
        Self { wish, task: tokio::spawn(worker::run(setup, wished)) }
    }

    /// Stops the worker and waits for it.
    pub(crate) async fn stop(self, wish: Wish) {
        self.wish.send(wish).expect("the worker runs");
        let ended = tokio::time::timeout(LIMIT, self.task).await.expect("it stops in time");
        ended.expect("it does not panic").expect("it ends well");
    }
}

/// A worker's setup that is quick to come back.
pub(crate) fn setup(dir: &Path, master: Master) -> Setup {
    let patience = Patience {
        first: Span::millis(20),
        longest: Span::millis(100),
        slowly: Span::millis(150),
        replaced: Span::seconds(600),
    };
    Setup { patience, ..Setup::new(dir.to_owned(), "w", Secret::new("p"), master, exe()) }
}

/// The processes of a command of the worker in this directory.
pub(crate) fn processes(dir: &Path, command: CommandId) -> Vec<u32> {
    let dir = dir.canonicalize().expect("it is there");
    let (begin, end) = (format!("SLUICE_JOB={}/", dir.display()), format!("/{command}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let marks = |v: &[u8]| v.starts_with(begin.as_bytes()) && v.ends_with(end.as_bytes());
        if environment.split(|&b| b == 0).any(marks) {
            found.push(pid);
        }
    }
    found
}

/// Waits until something outside of the stub is so.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool) {
    let until = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < until, "it takes too long: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
