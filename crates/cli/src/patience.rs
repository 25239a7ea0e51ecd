//! A master that goes away for a while: a command that watches something waits for it, and goes on where it was.

use crate::live::LiveLines;
use crate::out::{self, OutError};
use client::{ClientError, Listener};
use futures_util::future::select_all;
use model::Span;
use std::time::{Duration, Instant};

/// How long a master may be away before a command that watches it gives up. A restart takes seconds; a machine that
/// boots takes minutes.
pub(crate) const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The shortest and the longest pause between two looks at a master that is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How far a master's absence is borne.
pub(crate) struct Patience {
    limit: Duration,
    away_since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, away_since: None, pause: PAUSES.0 }
    }

    /// What a look has given. `None`: the master is away, which is said once; after a pause it is time to look again.
    ///
    /// # Errors
    /// Every other error, and that the master has been away for too long.
    pub(crate) async fn bear<T>(&mut self, look: anyhow::Result<T>, live: &mut LiveLines) -> anyhow::Result<Option<T>> {
        let error = match look {
            Ok(seen) => {
                if self.away_since.take().is_some() {
                    self.pause = PAUSES.0;
                    aside(live, "  the master is back")?;
                }
                return Ok(Some(seen));
            }
            Err(e) if is_away(&e) => e,
            Err(e) => return Err(e),
        };
        let limit = Span::seconds(i64::try_from(self.limit.as_secs()).unwrap_or(i64::MAX));
        let since = match self.away_since {
            Some(since) => since,
            None => {
                aside(live, &format!("  {error}\n  waiting up to {limit} for it to come back"))?;
                *self.away_since.insert(Instant::now())
            }
        };
        if since.elapsed() >= self.limit {
            return Err(error.context(format!("the master has been away for {limit}")));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(None)
    }
}

/// Says something on standard error, in the place of the lines that float.
fn aside(live: &mut LiveLines, text: &str) -> Result<(), OutError> {
    live.settle(&[])?;
    out::aside(text);
    Ok(())
}

fn is_away(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ClientError>().is_some_and(ClientError::is_connection)
}

/// Until one of these listeners hears something, or `most` is over. That the master is away is no error here: the next
/// look finds it.
pub(crate) async fn wake(listeners: &mut [Listener], most: Duration) -> anyhow::Result<()> {
    let heard = select_all(listeners.iter_mut().map(|listener| Box::pin(listener.next())));
    let over = tokio::time::sleep(most);
    tokio::pin!(over);
    tokio::select! {
        (heard, _, _) = heard => match heard {
            Ok(_) => Ok(()),
            Err(e) if e.is_connection() => {
                over.await;
                Ok(())
            }
            Err(e) => Err(e.into()),
        },
        () = &mut over => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{self, Exit};
    use crate::show::Paper;

    #[tokio::test]
    async fn an_absence_is_borne_up_to_its_limit_and_nothing_else_is() {
        let away = || anyhow::Error::from(ClientError::Away { url: "http://h".into(), what: "refused".into() });
        let mut live = LiveLines::new(Paper::Plain);
        let mut patience = Patience::new(LIMIT);
        assert_eq!(patience.bear(Err::<u8, _>(away()), &mut live).await.unwrap(), None);
        assert_eq!(patience.bear(Ok(1), &mut live).await.unwrap(), Some(1));
        let missing = ClientError::NotFound { what: "there is no build 7".into() };
        let error = patience.bear(Err::<u8, _>(missing.into()), &mut live).await.unwrap_err();
        assert_eq!(exit::of_error(&error), Exit::Usage);

        let error = Patience::new(Duration::ZERO).bear(Err::<u8, _>(away()), &mut live).await.unwrap_err();
        assert_eq!(exit::of_error(&error), Exit::Infrastructure);
        insta::assert_snapshot!(exit::in_words(&error), @r"
        error: the master has been away for 0.0 s
          because: no Sluice answers at http://h: refused
        ");
    }
}
