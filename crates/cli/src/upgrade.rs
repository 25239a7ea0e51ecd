//! `sluice master upgrade`: brings the store of an earlier Sluice up to date, with a copy of it first.

use crate::backup::alone;
use crate::exit::{Exit, Trouble};
use crate::fsck::chain;
use crate::out;
use master::fsck::store_of;
use std::path::PathBuf;
use store::{Kept, Location, Look, StoreError};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The base directory; no master may run in it
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let (base, _hold) = alone(&args.dir)?;
    let dir = args.dir.display();
    let at = store_of(&base).map_err(|e| Trouble(format!("where the store is cannot be told: {e}")))?;
    if let Location::Sqlite(path) = &at
        && !path.exists()
    {
        out::line(format!("  – {dir} has no store yet; the first start makes one of schema {}", store::SCHEMA))?;
        return Ok(Exit::Passed);
    }
    let trouble = |e: StoreError| anyhow::Error::from(Trouble(chain(&e)));
    let version = Look::at(&at).await.map_err(trouble)?.version();
    if version.found == version.known {
        out::line(format!("  – {dir} is up to date: schema {}", version.found))?;
        return Ok(Exit::Passed);
    }
    if version.found == 0 {
        out::line(format!("  – {dir} has an empty store; the next start makes schema {}", version.known))?;
        return Ok(Exit::Passed);
    }
    let copy = match &at {
        Location::Sqlite(_) => "a copy of the store is made, then".to_owned(),
        Location::Postgres(_) => "a copy is for pg_dump to make; without one there is no way back.".to_owned(),
    };
    out::line(format!("  ◐ schema {} becomes {}: {copy}", version.found, version.known))?;
    out::line("    all of it changes in one transaction, or nothing")?;
    if args.check {
        return Ok(Exit::Passed);
    }
    if let Some((version, kept)) = store::upgrade(&at).await.map_err(trouble)? {
        out::line(format!("  ✓ {dir} has schema {}", version.known))?;
        if let Kept::File(path) = kept {
            out::line(format!("    the store of before is {}", path.display()))?;
        }
    }
    Ok(Exit::Passed)
}
