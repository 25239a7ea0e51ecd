//! `sluice tests pages`: the runs of an area in a browser, without a master.

use super::Place;
use crate::exit::Exit;
use crate::out;
use anyhow::{Context, bail};
use model::Time;
use runner::Base;
use store::{Location, Store};
use tokio::net::TcpListener;
use web::local::{Local, serve};

#[derive(clap::Args)]
#[command(
    before_help = "Example: sluice tests pages\n         sluice tests pages --area ~/zlib --listen 127.0.0.1:0",
    after_help = "The pages are shown until the command is interrupted. They follow what runs; nobody can act on them."
)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8011")]
    listen: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let interrupted = crate::up::interrupted()?;
    let home = args.place.home()?;
    let Some(base) = Base::existing(&home) else {
        bail!("nothing was run in {} yet\nhelp: sluice tests run", home.dir.display());
    };
    let listener = TcpListener::bind(&args.listen).await;
    let listener = listener.with_context(|| format!("cannot listen at {}", args.listen))?;
    let store = Store::open(&Location::Sqlite(base.store())).await?;
    let address = format!("http://{}/", listener.local_addr()?);
    out::line(match args.place.json {
        true => serde_json::json!({ "url": address }).to_string(),
        false => format!("  {address}  tests of {}", home.dir.display()),
    })?;
    let title = home.dir.file_name().map_or_else(|| "tests".to_owned(), |name| name.to_string_lossy().into_owned());
    let directory = base.dir().join("pages");
    serve(Local { store, directory, title, address, clock: wall }, listener, interrupted).await?;
    Ok(Exit::Passed)
}

/// The machine's clock.
fn wall() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
