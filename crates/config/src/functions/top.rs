//! The functions without a namespace: `project`, `web`, `database`, `worker`, `local_worker`, `secret`.

use super::{Def, p};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::loader::Loader;
use crate::names::quoted;
use crate::registry::{MOST_THINGS, Made};
use crate::sites::{self, Part};
use model::worker::{Secret, WorkerAccess};
use model::{ProjectSpec, Span, WebSpec, WorkerSpec};

pub(super) const PROJECT: Def = Def {
    path: "project",
    summary: "What the pages are headed with, and where people reach them.",
    example: "project(title = \"zlib\", url = \"https://zlib.net\", public_url = \"http://ci.zlib.net:8010/\")",
    groups: &[&[
        p("title", "text", "\"Sluice\""),
        p("url", "address of the project's own page", "\"\""),
        p("public_url", "address at which people reach this Sluice", "from `web(listen)`"),
    ]],
    by_position: 3,
    required: &[],
    in_pipelines: false,
    run: project,
};

pub(super) const WEB: Def = Def {
    path: "web",
    summary: "The one port for pages, REST, events and workers, and who may act on the pages.",
    example: "web(listen = \"127.0.0.1:8010\", users = {\"alice\": secret(\"mac-mini\")})",
    groups: &[&[
        p("listen", "HOST:PORT", "\"127.0.0.1:8010\""),
        p("anonymous_control", "True or False: everybody may act", "False"),
        p("users", "dict of passwords by name", "{}"),
    ]],
    by_position: 1,
    required: &[],
    in_pipelines: false,
    run: web,
};

pub(super) const DATABASE: Def = Def {
    path: "database",
    summary: "Keeps everything in PostgreSQL instead of SQLite in the base directory.",
    example: "database(\"postgres://sluice@localhost/sluice\")",
    groups: &[&[p("url", "address, or a secret", "")]],
    by_position: 1,
    required: &["url"],
    in_pipelines: false,
    run: database,
};

pub(super) const WORKER: Def = Def {
    path: "worker",
    summary: "A machine that connects by itself and runs builds.",
    example: "worker(\"mac\", password = secret(\"mac-mini\"), max_builds = 2)",
    groups: &[&[
        p("name", "text", ""),
        p("password", "secret, or a text", ""),
        p("max_builds", "how many builds at once", "1"),
        p("lost_after", "duration without a connection, after which its builds are given up", "\"10m\""),
    ]],
    by_position: 2,
    required: &["name", "password"],
    in_pipelines: false,
    run: worker,
};

pub(super) const LOCAL_WORKER: Def = Def {
    path: "local_worker",
    summary: "A worker on the master's own machine, started by the master.",
    example: "local_worker(\"beside\", max_builds = 2)",
    groups: &[&[
        p("name", "text", ""),
        p("max_builds", "how many builds at once", "1"),
        p("lost_after", "duration, after which builds of an end of the master are given up", "\"10m\""),
    ]],
    by_position: 1,
    required: &["name"],
    in_pipelines: false,
    run: local_worker,
};

pub(super) const SECRET: Def = Def {
    path: "secret",
    summary: "A secret, from the file `secrets/NAME` of the base directory or from the environment variable \
              `SLUICE_SECRET_NAME`. It may stand wherever a password or a text of a step may, and is never shown.",
    example: "worker(\"mac\", password = secret(\"mac-mini\"))",
    groups: &[&[p("name", "text", "")]],
    by_position: 1,
    required: &["name"],
    in_pipelines: false,
    run: secret,
};

fn project(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let default = ProjectSpec::default();
    let mut public_url = call.formed("public_url", address::web)?.unwrap_or(default.public_url);
    if !public_url.is_empty() && !public_url.ends_with('/') {
        public_url.push('/');
    }
    let spec = ProjectSpec {
        title: call.text("title")?.unwrap_or(default.title),
        url: call.formed("url", address::web)?.unwrap_or(default.url),
        public_url,
    };
    once(call, &mut call.registry.draft.borrow_mut().project, spec)
}

fn web(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let default = WebSpec::default();
    let users = users(call)?;
    let spec = WebSpec {
        listen: call.formed("listen", address::listen)?.unwrap_or(default.listen),
        anonymous_control: call.truth("anonymous_control", default.anonymous_control)?,
        users,
    };
    once(call, &mut call.registry.draft.borrow_mut().web, spec)
}

/// `users`: passwords by name.
pub(super) fn users(call: &Call<'_, '_>) -> Result<Vec<(String, Secret)>, Wrong> {
    let mut users = Vec::new();
    for (name, value) in call.entries("users", "a dict of passwords by name")? {
        let clean = !name.is_empty() && !name.contains([':', '\0']) && !name.chars().any(char::is_control);
        if !clean {
            let message = format!("users of {} has a user named {}", call.def.path, quoted(name));
            return Err(call.wrong_value("users", message).help("a user's name has no \":\" in it"));
        }
        users.push((call.keep(name)?, call.to_secret("users", value)?));
    }
    Ok(users)
}

fn database(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let url = call.secret("url")?.unwrap_or_else(|| Secret::new(""));
    if let Err(wanted) = address::database(url.reveal()) {
        // The address may hold a password: it is not repeated.
        return Err(call.wrong_value("url", format!("url of database must be {wanted}")).boxed());
    }
    once(call, &mut call.registry.draft.borrow_mut().database, url)
}

/// Registers what there may be one of.
fn once<T>(call: &Call<'_, '_>, slot: &mut Option<Made<T>>, spec: T) -> Result<Outcome, Wrong> {
    if let Some(first) = slot {
        let message = format!("{} is called twice", call.def.path);
        return Err(call
            .wrong(Part::Whole, message)
            .help(format!("it is called first in {}", sites::place(&first.site))));
    }
    *slot = Some(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

fn worker(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let missing = || call.wrong(Part::Whole, "worker needs password").boxed();
    let password = call.secret("password")?.ok_or_else(missing)?;
    any_worker(call, WorkerAccess::Remote { password })
}

fn local_worker(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    any_worker(call, WorkerAccess::Local)
}

fn any_worker(call: &Call<'_, '_>, access: WorkerAccess) -> Result<Outcome, Wrong> {
    let spec = WorkerSpec {
        name: required_name(call)?,
        max_builds: u32::try_from(call.number("max_builds", 1, 1000, 1)?).unwrap_or(1),
        access,
        lost_after: call.duration("lost_after", Span::seconds(1))?.unwrap_or(Span::seconds(600)),
        defined_at: call.place(),
    };
    let workers = &mut call.registry.draft.borrow_mut().workers;
    room_for_one(call, workers.len())?;
    workers.push(Made { spec, site: call.site.clone() });
    Ok(Outcome::Nothing)
}

/// The `name` of a thing that must have one.
pub(super) fn required_name(call: &Call<'_, '_>) -> Result<String, Wrong> {
    let missing = || call.wrong(Part::Whole, format!("{} needs name", call.def.path)).boxed();
    call.formed("name", address::name)?.ok_or_else(missing)
}

/// A bound on how many things of a kind there may be.
pub(super) fn room_for_one(call: &Call<'_, '_>, there: usize) -> Result<(), Wrong> {
    match there < MOST_THINGS {
        true => Ok(()),
        false => {
            Err(call.wrong(Part::Whole, format!("{} is called more than {MOST_THINGS} times", call.def.path)).boxed())
        }
    }
}

fn secret(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let name = call.formed("name", address::secret_name)?.unwrap_or_default();
    if name.is_empty() {
        return Err(call.wrong(Part::Whole, "secret needs name").boxed());
    }
    let found = read_secret(call.registry.loader, &name).map_err(|why| {
        let complaint = call.wrong(Part::Whole, why);
        complaint.maybe_help(missing_secret(call.registry.loader, &name))
    })?;
    let secrets = &mut call.registry.secrets.borrow_mut();
    room_for_one(call, secrets.len())?;
    if !call.registry.take(found.reveal().len() + name.len()) {
        return Err(call.too_much());
    }
    secrets.push((name, found));
    Ok(Outcome::Secret(u32::try_from(secrets.len() - 1).unwrap_or(u32::MAX)))
}

/// Finds a secret. `Err`: a sentence about why there is none.
pub(crate) fn read_secret(loader: &dyn Loader, name: &str) -> Result<Secret, String> {
    let what = quoted(name);
    if address::secret_name(name).is_err() {
        return Err(format!("{what} is not the name of a secret"));
    }
    let from_file =
        loader.secret_file(name).map_err(|why| format!("secret {what} cannot be read from secrets/{name}: {why}"))?;
    let text = match from_file {
        Some(text) => text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned(),
        None => loader.env(&address::secret_variable(name)).ok_or_else(|| format!("secret {what} is not found"))?,
    };
    if text.is_empty() {
        return Err(format!("secret {what} is empty"));
    }
    Ok(Secret::new(text))
}

/// Where to put a secret that is nowhere.
pub(super) fn missing_secret(loader: &dyn Loader, name: &str) -> Option<String> {
    address::secret_name(name).ok()?;
    let variable = address::secret_variable(name);
    let nowhere = matches!(loader.secret_file(name), Ok(None)) && loader.env(&variable).is_none();
    nowhere.then(|| format!("put it into the file secrets/{name} or into the environment as {variable}"))
}
