//! The run's durable memory: append-only JSON Lines with sequence numbers and checksums.
