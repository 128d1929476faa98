//! What one server says of itself.

use super::super::ask::{Ask, On, SqlFile};
use super::super::catalogue::{EARLY, EARLY_AND_GATE};
use super::super::check::Check;
use super::super::judge::list;
use crate::profile::VipSwitchover;

/// A statement that lists what should not be, and what to say when it lists nothing.
macro_rules! none {
    ($on:expr, $id:literal, $fine:literal, $one:literal, $many:literal) => {{
        const SQL: SqlFile = &[(
            12,
            include_str!(concat!("../../../assets/sql/checks/vip/", $id, ".sql")),
        )];
        Ask::server($on, SQL, |_, rows| list(rows, $fine, ($one, $many)))
    }};
    (shared $on:expr, $id:literal, $fine:literal, $one:literal, $many:literal) => {{
        const SQL: SqlFile = &[(
            12,
            include_str!(concat!("../../../assets/sql/checks/", $id, ".sql")),
        )];
        Ask::server($on, SQL, |_, rows| list(rows, $fine, ($one, $many)))
    }};
}

/// The checks of this page.
pub(super) const CHECKS: &[Check<VipSwitchover>] = &[
    Check::block("serves-writes", "The primary is one", EARLY_AND_GATE,
        none!(On::Blue, "serves-writes", "it takes writes", "problem", "problems"))
        .why("A switchover begins at a primary that serves; any other state is a failover, which is another matter.")
        .remedy("Find out who serves. Begin a new run: which server is the primary is asked then."),
    Check::block("standby-replays", "The standby is one", EARLY_AND_GATE,
        none!(On::Green, "standby-replays", "it is in recovery", "problem", "problems"))
        .why("Two primaries have parted already: whichever goes on, rows of the other are lost.")
        .remedy("Stop the one that applications do not use and keep its data; rewind it or copy it anew."),
    Check::block("standby-streaming", "The standby follows the primary itself", EARLY_AND_GATE,
        none!(On::Green, "standby-streaming", "it streams from the primary's own address", "problem", "problems"))
        .why("One that follows the virtual address would follow itself once the address has moved.")
        .remedy("Set primary_conninfo of the standby to the primary's own host, as the profile names it."),
    Check::block("replay-not-paused", "Replay is not paused", EARLY_AND_GATE,
        none!(On::Green, "replay-not-paused", "it is not", "problem", "problems"))
        .why("A standby that does not replay cannot be seen to have everything; promoting it may wait for ever.")
        .remedy("SELECT pg_wal_replay_resume() on the standby, or find out who paused it."),
    Check::block("replay-not-delayed", "Replay is neither delayed nor limited", EARLY_AND_GATE,
        none!(On::Green, "replay-not-delayed", "no delay, no recovery target", "setting", "settings"))
        .why("A delayed standby has everything only after its delay, and applications wait all that time.")
        .remedy("Lift these settings on the standby and restart it."),
    Check::block("standby-close", "The standby is close behind", EARLY_AND_GATE,
        none!(On::Blue, "standby-close", "within the budget", "standby", "standbys"))
        .why("What is behind when the primary stops is replayed while applications wait.")
        .remedy("Wait until it has caught up, or raise lag_to_enter under [budgets]."),
    Check::block("long-transactions", "No long transaction", EARLY_AND_GATE,
        none!(On::Blue, "long-transactions", "none", "transaction", "transactions"))
        .why("The stop ends it, and its work is lost.")
        .remedy("Let it end, or end it yourself, or raise longest_transaction under [budgets]."),
    Check::block("no-synchronous-standby", "No commit waits for a standby", EARLY_AND_GATE,
        none!(On::Each, "no-synchronous-standby", "commits wait for nobody", "setting", "settings"))
        .why("Once promoted, the new primary would make every commit wait for a standby that is down.")
        .remedy("Empty synchronous_standby_names on both servers for the run."),
    Check::block("prepared-xacts", "No prepared transaction", EARLY_AND_GATE,
        none!(shared On::Blue, "prepared-xacts", "none", "prepared transaction", "prepared transactions"))
        .why("It lives on behind the switchover and holds its locks, while whoever coordinates it may look elsewhere.")
        .remedy("Commit it or roll it back."),
    Check::warn("no-backup-running", "No backup under way", EARLY_AND_GATE,
        none!(shared On::Each, "no-backup-running", "none", "backup", "backups"))
        .why("The stop breaks it off.")
        .remedy("Wait for it, or have it begin anew afterwards."),
    Check::block("replication-role", "The role of replication is there", EARLY,
        none!(On::Blue, "replication-role", "it may log in and replicate", "problem", "problems"))
        .why("The old primary would have nobody to follow the new one as.")
        .remedy("CREATE ROLE … LOGIN REPLICATION, or name another under [replication]."),
    Check::block("hba-lets-in", "Both servers let replication in", EARLY,
        none!(On::Each, "hba-lets-in", "pg_hba.conf has a line for it", "problem", "problems"))
        .why("The standby was let in by the primary; after the switchover the primary must be let in by the standby.")
        .remedy("Add a line for replication, this role and the other host to pg_hba.conf, and reload."),
    Check::block("tool-superuser", "The tool may do its work", EARLY,
        none!(On::Each, "tool-superuser", "a superuser", "problem", "problems"))
        .why("It promotes, checkpoints, and sets what the old primary will follow.")
        .remedy("Name a superuser under [connection]."),
    Check::block("no-cluster-manager", "Nobody else manages these servers", EARLY_AND_GATE,
        none!(On::Each, "no-cluster-manager", "no Patroni, repmgr or the like is seen", "sign", "signs"))
        .why("A manager starts what this run stops, or promotes what it does not expect.")
        .remedy("With Patroni (and vip-manager, which follows it): patronictl switchover. With repmgr: repmgr standby switchover."),
    Check::warn("slots-sound", "No slot keeps WAL for nobody", EARLY,
        none!(On::Each, "slots-sound", "all in use", "slot", "slots"))
        .why("It fills the disk, and what followed by it may be gone already.")
        .remedy("Drop what nobody uses; bring back what should."),
    Check::warn("logical-slots", "Logical slots", EARLY,
        none!(On::Blue, "logical-slots", "none that would be lost", "slot", "slots"))
        .why("Before 17, and without failover = true, a logical slot stays behind: its subscriber must begin anew.")
        .remedy("Tell the owners of the subscribers, or use failover slots from 17 on."),
    Check::warn("tablespaces", "Tablespaces", EARLY,
        none!(On::Blue, "tablespaces", "none", "tablespace", "tablespaces"))
        .why("Where the old primary must be copied anew, they are in the way and moved by hand.")
        .remedy("Know where they lie on both hosts."),
    Check::warn("rewind-possible", "The old primary could be rewound", EARLY,
        none!(On::Each, "rewind-possible", "it could", "reason", "reasons"))
        .why("Without it a switchover that was not clean ends in a copy of everything.")
        .remedy("Set wal_log_hints = on and restart, or enable checksums; at your own time, before the run."),
    Check::warn("archive-backlog", "Archiving keeps up", EARLY,
        none!(On::Blue, "archive-backlog", "no failure since the last success", "failure", "failures"))
        .why("A stop waits for what is not archived yet, while applications wait.")
        .remedy("Mend archive_command first."),
    Check::warn("other-followers", "Other standbys", EARLY,
        none!(On::Blue, "other-followers", "none", "other standby", "other standbys"))
        .why("They follow the primary by its own address, and stay behind with it.")
        .remedy("Point them at the new primary after the switchover."),
];
