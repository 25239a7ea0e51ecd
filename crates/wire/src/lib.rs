//! What master and worker say to each other, and the session that survives a lost line.
