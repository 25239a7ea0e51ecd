//! The room from outside: every test goes through `Logs` and looks at real files.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod hands;
#[cfg(test)]
mod life;
#[cfg(test)]
mod oracle;
