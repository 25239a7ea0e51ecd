//! `sluice why`: the one true reason why a request waits.

use crate::exit::Exit;
use crate::number;
use crate::out;
use crate::target::Target;

#[derive(clap::Args)]
#[command(before_help = "Example: sluice why 42")]
pub(crate) struct Args {
    /// The request's id, as `force` and `status` print it
    #[arg(allow_negative_numbers = true, value_parser = number::request)]
    request: i64,
    #[command(flatten)]
    target: Target,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<Exit> {
    let client = args.target.client()?;
    let request = client.request(args.request).await?;
    let why = client.why(args.request).await?;
    if args.target.json {
        out::json(&why)?;
        return Ok(Exit::Passed);
    }
    out::line(match (why.waits, model::Results::from_code(request.results)) {
        (true, _) => format!("  ○ request {} waits: {}", args.request, why.sentence),
        (false, Some(results)) => {
            format!("  {} request {} has ended: {}", results.symbol(), args.request, results.word())
        }
        (false, None) => format!("  ◐ request {} is being built", args.request),
    })?;
    Ok(Exit::Passed)
}
