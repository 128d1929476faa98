//! One file a subcommand: puts the pieces together, prints, picks the exit code.
