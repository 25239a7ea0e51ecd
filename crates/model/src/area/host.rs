//! Where the tests of an area are carried out.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where attempts are carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// On the machine of the runner.
    #[default]
    Local,
    /// As jobs of Slurm, submitted from the area, which the nodes see under the same path.
    Slurm(Slurm),
}

/// How jobs are submitted to Slurm.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slurm {
    /// Options of sbatch, of those that [`Slurm::OPTIONS`] lists, by our names.
    pub options: Vec<(String, String)>,
    /// How long between two questions after the state of jobs, in milliseconds.
    pub every: Option<u32>,
}

/// A text that is no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadHost {
    /// There is no such kind.
    Kind(String),
    /// Slurm's jobs have no such option here.
    Option(String),
    /// A value that cannot be.
    Value {
        /// The option.
        option: String,
        /// The value.
        value: String,
    },
}

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadHost::Kind(text) => {
                write!(f, "'{text}' is no host; there are local and slurm, or slurm:OPTION=VALUE,…")
            }
            BadHost::Option(name) => {
                write!(f, "'{name}' is no option for jobs of Slurm; there are {}, every", known())
            }
            BadHost::Value { option, value } => write!(f, "'{value}' cannot be the {option} of jobs of Slurm"),
        }
    }
}

impl std::error::Error for BadHost {}

fn known() -> String {
    Slurm::OPTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl Slurm {
    /// Our names of options, and those of sbatch (man sbatch).
    pub const OPTIONS: [(&'static str, &'static str); 12] = [
        ("partition", "--partition"),
        ("account", "--account"),
        ("qos", "--qos"),
        ("time", "--time"),
        ("cpus", "--cpus-per-task"),
        ("memory", "--mem"),
        ("gpus", "--gpus"),
        ("constraint", "--constraint"),
        ("nodelist", "--nodelist"),
        ("exclude", "--exclude"),
        ("reservation", "--reservation"),
        ("nice", "--nice"),
    ];

    fn read(text: &str) -> Result<Self, BadHost> {
        let mut slurm = Slurm::default();
        let mut every = None::<String>;
        for piece in text.split(',').filter(|p| !p.is_empty()) {
            match piece.split_once('=') {
                Some(("every", value)) => every = Some(value.to_owned()),
                Some((name, value)) if Self::OPTIONS.iter().any(|(known, _)| *known == name) => {
                    slurm.options.retain(|(other, _)| other != name);
                    slurm.options.push((name.to_owned(), value.to_owned()));
                }
                Some((name, _)) => return Err(BadHost::Option(name.to_owned())),
                // A list goes on, as in nodelist=n1,n2.
                None => match slurm.options.last_mut() {
                    Some((_, value)) => value.extend([",", piece]),
                    None => return Err(BadHost::Option(piece.to_owned())),
                },
            }
        }
        let wrong = |option: &str, value: &str| BadHost::Value { option: option.to_owned(), value: value.to_owned() };
        if let Some((name, value)) =
            slurm.options.iter().find(|(_, v)| v.is_empty() || v.chars().any(|c| c.is_control()))
        {
            return Err(wrong(name, value));
        }
        if let Some(text) = every {
            let (digits, factor) = match text.strip_suffix("ms") {
                Some(digits) => (digits, 1),
                None => (text.strip_suffix('s').unwrap_or(&text), 1000),
            };
            let time = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(factor));
            slurm.every = Some(time.filter(|ms| (50..=600_000).contains(ms)).ok_or_else(|| wrong("every", &text))?);
        }
        Ok(slurm)
    }
}

impl std::str::FromStr for Host {
    type Err = BadHost;

    /// Reads `local`, `slurm`, or `slurm:partition=long,cpus=2`.
    fn from_str(text: &str) -> Result<Self, BadHost> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("local", "") => Ok(Host::Local),
            ("slurm", options) => Slurm::read(options).map(Host::Slurm),
            _ => Err(BadHost::Kind(text.to_owned())),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Local => f.write_str("local"),
            Host::Slurm(slurm) => {
                f.write_str("slurm")?;
                let every = slurm.every.map(|ms| ("every".to_owned(), format!("{ms}ms")));
                for (n, (name, value)) in slurm.options.iter().chain(&every).enumerate() {
                    write!(f, "{}{name}={value}", if n == 0 { ':' } else { ',' })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_they_are_written() {
        for text in ["local", "slurm", "slurm:partition=long,nodelist=n1,n2,cpus=2", "slurm:every=200ms"] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        assert_eq!("slurm:every=2s".parse::<Host>().unwrap().to_string(), "slurm:every=2000ms");
        let wrong = |text: &str| text.parse::<Host>().unwrap_err().to_string();
        assert_eq!(wrong("slrm"), "'slrm' is no host; there are local and slurm, or slurm:OPTION=VALUE,…");
        assert!(wrong("slurm:part=x").starts_with("'part' is no option for jobs of Slurm; there are partition,"));
        assert_eq!(wrong("slurm:partition="), "'' cannot be the partition of jobs of Slurm");
        assert_eq!(wrong("slurm:every=1ms"), "'1ms' cannot be the every of jobs of Slurm");
        assert!(wrong("slurm:x").contains("'x' is no option"));
    }
}
