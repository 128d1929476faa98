//! What the procedure learns and checks ask about. The steps write these facts, the checks read them.

use crate::domain::Lsn;
use crate::runbook::FactKey;

/// Where apply on GREEN begins: "redo done at" of the snapshot's recovery, plus one byte.
pub const START_LSN: FactKey<Lsn> = FactKey::new("start_lsn");

/// BLUE's flush position before the snapshot, and its insert position after it.
pub const SNAPSHOT_BRACKET: FactKey<(Lsn, Lsn)> = FactKey::new("snapshot_bracket");

/// BLUE's insert position once the publication was committed, by database.
pub const PUBLICATION_LSN: FactKey<Lsn> = FactKey::new("publication_lsn");

/// The position from which the forward slot can decode, by database.
pub const SLOT_LSN: FactKey<Lsn> = FactKey::new("slot_lsn");

/// The catalog fingerprint of BLUE when the slot was made, by database.
pub const FINGERPRINT: FactKey<String> = FactKey::new("fingerprint");

/// Which server the run relies on, by node: its system identifier and its timeline when its slots were made.
pub const SERVER: FactKey<(String, i64)> = FactKey::new("server");

/// What the same cutover took in a rehearsal, milliseconds.
pub const REHEARSED_PAUSE_MS: FactKey<u64> = FactKey::new("rehearsed_pause_ms");

/// True once all of a database was read on GREEN after its restore, by database.
pub const WARMED: FactKey<bool> = FactKey::new("warmed");

/// The session-level advisory lock that one run holds on BLUE's first database: class and object.
pub const OPERATOR_LOCK: (i32, i32) = (1_112_294_992, 1);

/// The node, by its name in the profile, that was the primary when the run began: BLUE for all of the run.
pub const BLUE_IS: FactKey<String> = FactKey::new("blue_is");

/// The side that serves when checks are asked at a gate, `BLUE` or `GREEN`; BLUE where nothing says otherwise.
pub const SERVING: FactKey<String> = FactKey::new("serving");
