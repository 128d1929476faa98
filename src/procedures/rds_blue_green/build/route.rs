use crate::domain::{Place, Sql};
use crate::ports::{Databases, DbError, Rows, ValueError};
use crate::profile::Route;
use crate::runbook::StepError;

/// Which way GREEN is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Upgrade the snapshot, then restore.
    UpgradeSnapshot,
    /// Restore at the old version, read the start LSN there, then upgrade the instance.
    UpgradeInstance,
}

/// What BLUE is and holds, as far as the choice of the way goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlueHolds {
    /// Its major version.
    pub major: u32,
    /// Logical slots that are not ours: `pg_upgrade` would meet them in the snapshot.
    pub foreign_slots: Vec<String>,
    /// Prepared transactions: `pg_upgrade` refuses them.
    pub prepared: i64,
    /// True when `rds_tools.logical_seed_lsn()` exists, which tells the start LSN beside the log.
    pub seed_function: bool,
}

/// The way to go, and why.
#[must_use]
pub fn choose(route: Route, blue: &BlueHolds) -> (Way, String) {
    match route {
        Route::UpgradeSnapshot => (Way::UpgradeSnapshot, "the profile says so".to_owned()),
        Route::UpgradeInstance => (Way::UpgradeInstance, "the profile says so".to_owned()),
        Route::Auto => match reason_for_instance(blue) {
            Some(reason) => (Way::UpgradeInstance, reason),
            None => (
                Way::UpgradeSnapshot,
                "nothing on BLUE stands against upgrading the snapshot itself".to_owned(),
            ),
        },
    }
}

fn reason_for_instance(blue: &BlueHolds) -> Option<String> {
    if blue.major >= 17 {
        let reason = format!(
            "BLUE is PostgreSQL {}, whose slots pg_upgrade would carry over",
            blue.major
        );
        return Some(reason);
    }
    if !blue.foreign_slots.is_empty() {
        let slots = blue.foreign_slots.join(", ");
        return Some(format!("slots of others would be in the snapshot: {slots}"));
    }
    if blue.prepared > 0 {
        return Some(format!(
            "{} prepared transactions would be in the snapshot",
            blue.prepared
        ));
    }
    blue.seed_function.then(|| {
        "rds_tools.logical_seed_lsn() can cross-check the start LSN on the restored instance"
            .to_owned()
    })
}

impl BlueHolds {
    /// The question; `{prefix}` is how our own slots begin.
    #[must_use]
    pub fn question(slot_prefix: &str) -> Sql {
        Sql::new(
            "SELECT current_setting('server_version_num')::int / 10000 AS major, \
             (SELECT coalesce(string_agg(slot_name, ', ' ORDER BY slot_name), '') \
                FROM pg_catalog.pg_replication_slots \
               WHERE slot_type = 'logical' AND NOT starts_with(slot_name::text, {prefix})) AS foreign_slots, \
             (SELECT count(*) FROM pg_catalog.pg_prepared_xacts) AS prepared, \
             EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                      WHERE n.nspname = 'rds_tools' AND p.proname = 'logical_seed_lsn') AS seed_function",
        )
        .literal("prefix", slot_prefix)
    }

    /// Reads the answer.
    pub fn read(rows: &Rows) -> Result<Self, ValueError> {
        let row = rows.one()?;
        let slots: String = row.get("foreign_slots")?;
        Ok(Self {
            major: row.get("major")?,
            foreign_slots: slots
                .split(", ")
                .filter(|slot| !slot.is_empty())
                .map(str::to_owned)
                .collect(),
            prepared: row.get("prepared")?,
            seed_function: row.get("seed_function")?,
        })
    }

    /// Asks BLUE.
    pub async fn ask(
        databases: &dyn Databases,
        blue: &Place,
        slot_prefix: &str,
    ) -> Result<Self, StepError> {
        let rows: Result<_, DbError> = databases.query(blue, &Self::question(slot_prefix)).await;
        Ok(Self::read(&rows?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{BlueHolds, Way, choose};
    use crate::profile::Route;

    #[test]
    fn auto_goes_by_what_blue_is_and_holds() {
        let plain = BlueHolds {
            major: 15,
            ..BlueHolds::default()
        };
        assert_eq!(choose(Route::Auto, &plain).0, Way::UpgradeSnapshot);
        for (holds, word) in [
            (
                BlueHolds {
                    major: 17,
                    ..plain.clone()
                },
                "17",
            ),
            (
                BlueHolds {
                    foreign_slots: vec!["debezium".to_owned()],
                    ..plain.clone()
                },
                "debezium",
            ),
            (
                BlueHolds {
                    prepared: 2,
                    ..plain.clone()
                },
                "2 prepared",
            ),
            (
                BlueHolds {
                    seed_function: true,
                    ..plain.clone()
                },
                "logical_seed_lsn",
            ),
        ] {
            let (way, reason) = choose(Route::Auto, &holds);
            assert_eq!(way, Way::UpgradeInstance);
            assert!(reason.contains(word), "{reason}");
            assert_eq!(
                choose(Route::UpgradeSnapshot, &holds).0,
                Way::UpgradeSnapshot
            );
        }
    }
}
