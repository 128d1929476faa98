//! The configuration under which the held member's server recovers to the point: Patroni's own without what makes it
//! follow, and the target.

use super::job::{Point, Recovery};

/// Settings that stand in the way of a target, or would have the server follow the leader past it.
const LEFT_OUT: [&str; 4] = [
    "recovery_",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
];

/// What Patroni's command line said, from `postmaster.opts`: the configuration file, and every other setting.
#[must_use]
pub fn of_command_line(opts: &str) -> Option<Recovery> {
    let mut config = None;
    let mut settings = Vec::new();
    for word in words(opts).into_iter().skip(1) {
        let Some((name, value)) = word
            .strip_prefix("--")
            .and_then(|word| word.split_once('='))
        else {
            continue;
        };
        let name = name.replace('-', "_");
        if name == "config_file" {
            config = Some(value.to_owned());
        } else {
            settings.push((name, value.to_owned()));
        }
    }
    config.map(|config| Recovery { config, settings })
}

/// The words of `postmaster.opts`: the program, then each argument in double quotes.
fn words(opts: &str) -> Vec<String> {
    let line = opts.lines().next().unwrap_or_default();
    line.split(" \"")
        .map(|word| word.trim_end().trim_end_matches('"').to_owned())
        .collect()
}

/// Patroni's configuration file with the target in place of what makes the server follow. It may hold passwords.
#[must_use]
pub fn recovering(patronis: &str, recovery: &Recovery, point: &Point, stood: bool) -> String {
    let mut text = String::from("# Made by greenlight for one recovery; taken away afterwards.\n");
    for line in patronis.lines() {
        let name = line.trim_start().to_ascii_lowercase();
        if !LEFT_OUT.iter().any(|left_out| name.starts_with(left_out)) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (name, value) in &recovery.settings {
        text.push_str(&setting(name, value));
    }
    // A member that has stood at the point may have read a few bytes beyond it; the commit behind it is still held back.
    if stood {
        text.push_str(&setting("recovery_target_xid", &point.next_xid.to_string()));
        text.push_str(&setting("recovery_target_inclusive", "off"));
    } else {
        text.push_str(&setting("recovery_target_name", &point.name));
    }
    // Not the latest: another member may have begun one since, behind the point.
    let timeline = point.timeline.to_string();
    text.push_str(&setting("recovery_target_timeline", &timeline));
    text.push_str(&setting("recovery_target_action", "pause"));
    text.push_str(&setting("hot_standby", "on"));
    text
}

fn setting(name: &str, value: &str) -> String {
    format!(
        "{name} = '{}'\n",
        value.replace('\\', "\\\\").replace('\'', "''")
    )
}

#[cfg(test)]
mod tests {
    use super::{of_command_line, recovering};
    use crate::domain::Lsn;
    use crate::procedures::patroni_guard::job::Point;

    const OPTS: &str = "/usr/lib/postgresql/15/bin/postgres \"-D\" \"/d\" \"--config-file=/d/postgresql.conf\" \
        \"--listen_addresses=10.0.0.1, ::1\" \"--port=5432\" \"--cluster_name=it's\"\n";

    #[test]
    fn the_target_takes_the_place_of_what_follows() {
        let recovery = of_command_line(OPTS).expect("one");
        assert_eq!(recovery.config, "/d/postgresql.conf");
        assert_eq!(recovery.settings.len(), 3);
        let point = Point {
            name: "predeploy_1".to_owned(),
            lsn: Lsn(1),
            timeline: 3,
            next_xid: 742,
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let patronis = "include 'base.conf'\nport = '1'\nprimary_conninfo = 'password=hush'\nprimary_slot_name = 'pg3'\n\
                        recovery_target = ''\nrecovery_min_apply_delay = '43200s'\nrecovery_target_timeline = 'latest'\n";
        let text = recovering(patronis, &recovery, &point, false);
        for line in [
            "include 'base.conf'\n",
            "listen_addresses = '10.0.0.1, ::1'\n",
            "cluster_name = 'it''s'\n",
            "recovery_target_name = 'predeploy_1'\n",
            "recovery_target_action = 'pause'\n",
            "recovery_target_timeline = '3'\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        for gone in [
            "hush",
            "primary_slot_name",
            "recovery_target = ''",
            "min_apply_delay",
        ] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        let again = recovering(patronis, &recovery, &point, true);
        assert!(again.contains("recovery_target_xid = '742'\nrecovery_target_inclusive = 'off'\n"));
        assert!(!again.contains("recovery_target_name"));
        assert_eq!(of_command_line("postgres \"-D\" \"/d\""), None);
    }
}
