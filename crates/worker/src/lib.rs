//! Commands become processes: the daemon that does a master's work.
