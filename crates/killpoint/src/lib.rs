//! Named points in the program at which `cargo xtask chaos` may kill the process that comes by, as a power cut would.
//!
//! [`fail_point!`] stands in the rooms at the steps of the protocol. Without the feature `armed` it is nothing: neither
//! code nor the name is compiled in. With it, `FAILPOINTS` says what happens where, in the words of the crate `fail`:
//! `FAILPOINTS="lease-stored=0.5%return"` kills one process in two hundred that has just stored a lease. What was killed
//! where is appended to the file that `SLUICE_KILLS` names, and while a file of that name with `.held` behind it is
//! there, nobody is killed.

/// A point at which the process may be killed. The second form does something first, when the process is about to be
/// killed; the third is one point for each of several things, by what the thing is.
///
/// ```text
/// fail_point!("commit-done");
/// fail_point!("log-torn", write_half());
/// fail_point!(each &turn.transitions; Transition::BuildLeased { .. } => "lease-stored");
/// ```
#[cfg(feature = "armed")]
#[macro_export]
macro_rules! fail_point {
    (each $list:expr; $($pattern:pat => $name:literal),+ $(,)?) => {
        for item in $list {
            match item {
                $($pattern => $crate::reached($name, || ()),)+
                _ => {}
            }
        }
    };
    ($name:literal) => {
        $crate::reached($name, || ())
    };
    ($name:literal, $first:expr) => {
        $crate::reached($name, || drop($first))
    };
}

/// A point at which the process may be killed: not in this build.
#[cfg(not(feature = "armed"))]
#[macro_export]
macro_rules! fail_point {
    ($($words:tt)*) => {};
}

/// Kills the process if `FAILPOINTS` wants it here; `first` is done before.
#[cfg(feature = "armed")]
pub fn reached(name: &str, first: impl FnOnce()) {
    static ARMED: std::sync::Once = std::sync::Once::new();
    // The points are as the environment says, for as long as the process lives.
    ARMED.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    if fail::eval(name, |_| ()).is_some() && !kills_are_held() {
        first();
        die(name);
    }
}

#[cfg(feature = "armed")]
fn kills_are_held() -> bool {
    std::env::var_os("SLUICE_KILLS").is_some_and(|mut path| {
        path.push(".held");
        std::path::Path::new(&path).exists()
    })
}

#[cfg(feature = "armed")]
fn die(name: &str) {
    use std::io::Write;
    let me = rustix::process::getpid();
    if let Some(path) = std::env::var_os("SLUICE_KILLS")
        && let Ok(mut file) = std::fs::File::options().create(true).append(true).open(path)
    {
        let _ = file.write_all(format!("{name} {me}\n").as_bytes());
    }
    let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
}

#[cfg(all(test, not(feature = "armed")))]
mod tests {
    #[test]
    fn without_the_feature_a_point_is_nothing() {
        // Neither the name nor what would be done first is looked at: this would not compile if it were code.
        fail_point!("not-compiled", nobody::knows(this));
        fail_point!(each nothing; Unknown(_) => "not-compiled");
        let touched = std::cell::Cell::new(false);
        fail_point!("not-compiled", touched.set(true));
        assert!(!touched.get());
    }
}
