//! Items on workers of a master: `sluice tests run --master URL`.

use crate::force;
use crate::options::Options;
use crate::target;
use anyhow::bail;
use client::{AttemptPlaces, Client, ClientError, Filter, Login};
use formats::try_job::TryJob;
use futures_util::{StreamExt as _, stream};
use model::{ATTEMPT_PROPERTY, Results};
use runner::hands::master::{ReadTo, Request, Stage, Way, WayError};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The heading in helps.
const WHERE: &str = "On workers of a master";
/// Items at once where nothing is said.
pub(super) const JOBS: u32 = 32;
/// Bytes that are sent at once.
const PIECE: usize = 256 << 10;
/// Lines of a log that are asked for at once.
const LINES: u64 = 1000;

/// Where items are carried out.
#[derive(clap::Args)]
pub(super) struct OnMaster {
    /// Carry items out as builds on workers of this master
    #[arg(long, value_name = "URL", help_heading = WHERE)]
    master: Option<String>,
    /// The builder that does it; the first that can when absent
    #[arg(long, value_name = "NAME", requires = "master", help_heading = WHERE)]
    builder: Option<String>,
    /// A user of the master's try scheduler; its token when absent
    #[arg(long, value_name = "NAME", requires = "master", help_heading = WHERE)]
    username: Option<String>,
    /// The user's password
    #[arg(
        long,
        visible_alias = "password",
        value_name = "TEXT",
        env = "SLUICE_TRY_PASSWORD",
        hide_env_values = true,
        help_heading = WHERE
    )]
    passwd: Option<String>,
    /// The master's base directory, for its token; found by the address on its machine
    #[arg(long, value_name = "DIR", requires = "master", help_heading = WHERE)]
    basedir: Option<PathBuf>,
}

impl OnMaster {
    /// Where items are carried out. A master is asked whether it takes them.
    pub(super) fn way(&self) -> anyhow::Result<Option<Arc<dyn Way>>> {
        let Some(url) = &self.master else { return Ok(None) };
        let handle = Handle::current();
        let client = target::client_at(url, self.basedir.as_deref())?;
        let login = self.login()?;
        let places = match handle.block_on(client.attempt_places()) {
            Err(ClientError::NotFound { .. }) => {
                bail!("{} is an older Sluice, which carries out no tests", client.url())
            }
            other => other?,
        };
        let builder = self.choose(client.url(), &places)?;
        // Nothing has this key: the master says whether it may be asked.
        handle.block_on(client.forget_attempt(&login, &"0".repeat(64)))?;
        let (most, owner) = (places.max_order, force::owner());
        Ok(Some(Arc::new(Master { client, login, builder, most, owner, handle })))
    }

    fn login(&self) -> anyhow::Result<Login> {
        let options = Options::find()?;
        let given = |given: &Option<String>, names: &[&str]| match given {
            Some(text) => Ok(Some(text.clone())),
            None => options.text(names),
        };
        let Some(name) = &self.username else { return Ok(Login::Token) };
        match given(&self.passwd, &["try_password"])? {
            Some(password) => Ok(Login::User { name: name.clone(), password }),
            None => bail!(
                "{name} has a password on the master\n\
                 help: give it in SLUICE_TRY_PASSWORD, or as try_password = '…' in ~/.sluice/options"
            ),
        }
    }

    fn choose(&self, url: &str, places: &AttemptPlaces) -> anyhow::Result<String> {
        let names: Vec<&str> = places.builders.iter().map(|b| b.name.as_str()).collect();
        let Some(first) = places.builders.first() else {
            bail!(
                "{url} has no builder that carries out tests\n\
                 help: builder(\"tests\", workers = […], steps = [steps.test_attempt()]) is one, and\n      \
                 schedulers.try_userpass(\"tests\", builders = [\"tests\"], users = {{…}}) lets people ask it"
            );
        };
        let chosen = match &self.builder {
            Some(name) => places.builders.iter().find(|b| b.name == *name),
            None => places.builders.iter().find(|b| !b.schedulers.is_empty()).or(Some(first)),
        };
        let Some(chosen) = chosen else {
            let name = self.builder.as_deref().unwrap_or_default();
            bail!("{url} has no builder '{name}' that carries out tests; there is {}", names.join(", "));
        };
        if chosen.schedulers.is_empty() {
            let name = &chosen.name;
            bail!(
                "nobody may ask the builder '{name}' of {url}\n\
                 help: schedulers.try_userpass(\"tests\", builders = [\"{name}\"], users = {{…}}) lets people do so"
            );
        }
        Ok(chosen.name.clone())
    }
}

/// A master whose workers carry out.
#[derive(Debug)]
struct Master {
    client: Client,
    login: Login,
    builder: String,
    most: u64,
    owner: String,
    handle: Handle,
}

/// A master that is away, or that cannot now, is asked again.
fn told(error: ClientError) -> WayError {
    match &error {
        _ if error.is_connection() => WayError::Away(format!("the master is away: {error}")),
        ClientError::Refused { status: 408 | 429 | 500.., what } => {
            WayError::Away(format!("the master cannot now: {what}"))
        }
        _ => WayError::Refused(error.to_string()),
    }
}

fn here(path: &Path, error: &io::Error) -> WayError {
    WayError::Refused(format!("{}: {error}", path.display()))
}

impl Master {
    fn on<T>(&self, asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, WayError> {
        self.handle.block_on(asked).map_err(told)
    }

    async fn put(&self, key: &str, file: File) -> Result<(), ClientError> {
        let pieces = stream::unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE];
            match file.read(&mut piece) {
                Ok(0) => None,
                Ok(n) => {
                    piece.truncate(n);
                    Some((Ok(piece.into()), file))
                }
                Err(e) => Some((Err(e), file)),
            }
        });
        self.client.put_attempt(&self.login, key, pieces).await
    }

    async fn file(&self, key: &str, what: &str) -> Result<Option<Request>, ClientError> {
        let job = TryJob {
            id: key.to_owned(),
            who: Some(self.owner.clone()).filter(|who| !who.is_empty()),
            comment: Some(what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()),
            builders: vec![self.builder.clone()],
            properties: [(ATTEMPT_PROPERTY.to_owned(), key.into())].into(),
            level: 0,
            ..TryJob::default()
        };
        let login = match &self.login {
            Login::Token => None,
            Login::User { name, password } => Some((name.as_str(), password.as_str())),
        };
        let forced = self.client.try_patch(&job.to_json(), login).await?;
        Ok(forced.1.values().next().copied().map(Request))
    }

    /// How far a build is.
    async fn runs(&self, build: i64, read: &mut ReadTo) -> Result<Stage, ClientError> {
        if read.build != Some(build) {
            *read = ReadTo { build: Some(build), ..ReadTo::default() };
        }
        if read.log.is_none() {
            let story = self.client.story(build).await?;
            read.worker = story.worker;
            if let Some(step) = story.steps.first() {
                read.log = self.client.logs(step.stepid).await?.rows.first().map(|log| log.logid);
            }
        }
        let mut log = Vec::new();
        if let Some(id) = read.log
            && let Some(chunk) = self.client.log_lines(id, read.lines, LINES).await?
        {
            for line in chunk.content.lines() {
                read.lines += 1;
                // What the step itself says goes to standard output, as what the agent says.
                if let Some(line) = line.strip_prefix('o') {
                    log.extend_from_slice(line.as_bytes());
                    log.push(b'\n');
                }
            }
        }
        Ok(Stage::Runs { worker: read.worker.clone(), log })
    }

    async fn stage(&self, request: Request, read: &mut ReadTo) -> Result<Stage, ClientError> {
        let there = self.client.request(request.0).await?;
        let build = self.client.builds_of_request(request.0).await?.rows.into_iter().max_by_key(|b| b.buildid);
        if there.complete {
            let results = Results::from_code(there.results);
            let stopped = matches!(results, Some(Results::Cancelled | Results::Failure));
            let how = match &build {
                Some(build) => build.state_string.clone(),
                None => "it was taken out of the master's queue".to_owned(),
            };
            return Ok(Stage::Ended { how, stopped });
        }
        match build {
            Some(build) if !build.complete => self.runs(build.buildid, read).await,
            _ => Ok(Stage::Waits(self.client.why(request.0).await?.sentence)),
        }
    }
}

impl Way for Master {
    fn url(&self) -> &str {
        self.client.url()
    }

    fn most(&self) -> u64 {
        // What is told of the attempt beside the directory of its test is small.
        self.most - self.most / 16
    }

    fn find(&self, key: &str) -> Result<Option<Request>, WayError> {
        self.on(async {
            let mine = Filter::all().with("external_idstring", key).with("limit", 1);
            let Some(set) = self.client.sets(&mine).await?.rows.into_iter().next() else { return Ok(None) };
            let requests = Filter::all().with("buildsetid", set.bsid);
            let requests = self.client.requests(&requests).await?.rows;
            Ok(requests.first().map(|r| Request(r.buildrequestid)))
        })
    }

    fn ask(&self, key: &str, what: &str, parcel: &Path) -> Result<Request, WayError> {
        let file = File::open(parcel).map_err(|e| here(parcel, &e))?;
        self.on(self.put(key, file))?;
        let filed = self.on(self.file(key, what))?;
        filed.ok_or_else(|| WayError::Refused("the master files no build for it".to_owned()))
    }

    fn look(&self, request: Request, read: &mut ReadTo) -> Result<Stage, WayError> {
        self.on(self.stage(request, read))
    }

    fn fetch(&self, key: &str, to: &Path) -> Result<bool, WayError> {
        let mut pieces = match self.handle.block_on(self.client.attempt_came(&self.login, key)) {
            Err(ClientError::NotFound { .. }) => return Ok(false),
            other => other.map_err(told)?,
        };
        let mut file = File::create(to).map_err(|e| here(to, &e))?;
        while let Some(piece) = self.handle.block_on(pieces.next()) {
            file.write_all(&piece.map_err(told)?).map_err(|e| here(to, &e))?;
        }
        Ok(true)
    }

    fn stop(&self, key: &str, reason: &str) -> Result<(), WayError> {
        self.on(self.client.stop_attempt(&self.login, key, reason))
    }

    fn forget(&self, key: &str) -> Result<(), WayError> {
        self.on(self.client.forget_attempt(&self.login, key))
    }
}
