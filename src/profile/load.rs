use std::path::Path;

use super::error::{Problem, ProfileErrors};
use super::read::{Findings, closest};
use super::{Profile, blue_green, patroni_guard, vip_switchover};

/// Reads and checks a profile. All that is wrong with it comes at once, by line and column.
pub fn load(path: &Path) -> Result<Profile, ProfileErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| ProfileErrors {
        path: path.to_owned(),
        problems: vec![Problem {
            line: 1,
            column: 1,
            key: String::new(),
            problem: format!("cannot be read: {error}"),
            allowed: "a UTF-8 text file".to_owned(),
        }],
    })?;
    parse(path, &text)
}

/// The same from the text of `path`, as it is stored with a run.
pub fn parse(path: &Path, text: &str) -> Result<Profile, ProfileErrors> {
    let findings = Findings::new(text);
    let profile = match toml_edit::Document::parse(text) {
        Ok(document) => read(&findings, &document, path, text),
        Err(error) => {
            let problem = error.message().replace('\n', ", ");
            findings.add(&error.span().unwrap_or(0..0), "", problem, "TOML");
            None
        }
    };
    let problems = findings.take();
    match profile {
        Some(profile) if problems.is_empty() => Ok(profile),
        _ => Err(ProfileErrors {
            path: path.to_owned(),
            problems,
        }),
    }
}

/// A procedure that a profile may name.
#[derive(Clone, Copy)]
enum Procedure {
    BlueGreen,
    VipSwitchover,
    PatroniGuard,
}

const PROCEDURES: [(&str, Procedure); 3] = [
    ("rds-blue-green", Procedure::BlueGreen),
    ("vip-switchover", Procedure::VipSwitchover),
    ("patroni-guard", Procedure::PatroniGuard),
];

fn read(
    findings: &Findings<'_>,
    document: &toml_edit::Document<&str>,
    path: &Path,
    text: &str,
) -> Option<Profile> {
    let root = findings.root(document.as_table());
    let named = root.choice("procedure", &PROCEDURES);
    let written = document.get("procedure");
    if written.is_none() {
        let allowed: Vec<_> = PROCEDURES.iter().map(|(id, _)| format!("{id:?}")).collect();
        root.missing("procedure", &allowed.join(", "));
    }
    // All problems come at once, so a name that is not quite right is read as the one it resembles.
    let meant = || {
        let word = written.and_then(toml_edit::Item::as_str)?;
        let close = closest(word, PROCEDURES.iter().map(|(id, _)| *id))?;
        PROCEDURES.iter().find(|(id, _)| *id == close)
    };
    let procedure = match &named {
        Some(named) => named.value,
        None => meant().unwrap_or(&PROCEDURES[0]).1,
    };
    let profile = match procedure {
        Procedure::BlueGreen => {
            blue_green::read(&root, path, text).map(|profile| Profile::BlueGreen(Box::new(profile)))
        }
        Procedure::VipSwitchover => vip_switchover::read(&root, path, text)
            .map(|profile| Profile::VipSwitchover(Box::new(profile))),
        Procedure::PatroniGuard => patroni_guard::read(&root, path, text)
            .map(|profile| Profile::PatroniGuard(Box::new(profile))),
    };
    named.and(profile)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ByteSize;
    use crate::profile::{BlueGreen, CanaryUrl, PasswordSource, SslMode};

    const SAMPLE: &str = include_str!("../../sample-profiles/rds-blue-green.toml");

    fn sound(path: &str, text: &str) -> BlueGreen {
        let profile = parse(Path::new(path), text).expect("sound");
        profile.blue_green().expect("of rds-blue-green")
    }

    fn problems(text: &str) -> String {
        parse(Path::new("p.toml"), text)
            .expect_err("not sound")
            .to_string()
    }

    /// The sample with `from` written as `to`.
    fn changed(from: &str, to: &str) -> String {
        assert!(SAMPLE.contains(from), "the sample has {from:?}");
        SAMPLE.replacen(from, to, 1)
    }

    #[test]
    fn the_sample_is_sound_and_takes_relative_files_from_its_own_folder() {
        let profile = sound("/etc/greenlight/p.toml", SAMPLE);
        assert_eq!(profile.databases, ["shop"]);
        assert_eq!(profile.connection.sslmode, SslMode::VerifyFull);
        assert_eq!(profile.budgets.lag_to_enter, ByteSize(16 << 20));
        let text = changed(
            "# sslrootcert = \"global-bundle.pem\"",
            "sslrootcert = \"ca.pem\"",
        );
        let profile = sound("/etc/greenlight/p.toml", &text);
        let file = profile.connection.sslrootcert.expect("one");
        assert_eq!(file, Path::new("/etc/greenlight/ca.pem"));
    }

    const VIP_SAMPLE: &str = include_str!("../../sample-profiles/vip-switchover.toml");

    #[test]
    fn the_samples_show_every_key() {
        let sections = [
            "",
            "blue",
            "green",
            "rds",
            "connection",
            "replication",
            "fence",
            "budgets",
            "checks",
            "thresholds",
            "hooks.redirect",
            "names",
            "finish",
            "hooks.notify",
            "compare",
            "canary",
        ];
        shows_every_key(SAMPLE, &sections);
        let sections = [
            "",
            "nodes.pg-a",
            "address",
            "upgrade",
            "connection",
            "replication",
            "budgets",
            "hooks.notify",
            "hooks.reconnect",
            "hooks.fence",
            "hooks.redirect",
        ];
        shows_every_key(VIP_SAMPLE, &sections);
    }

    #[test]
    fn the_sample_of_vip_switchover_is_sound_and_names_two_servers_and_an_address() {
        let profile = parse(Path::new("p.toml"), VIP_SAMPLE).expect("sound");
        let profile = profile.vip_switchover().expect("of vip-switchover");
        assert_eq!(profile.nodes.len(), 2);
        assert_eq!(
            (profile.address.host.as_str(), profile.address.prefix),
            ("10.0.0.10", 24)
        );
        for (from, to, word) in [
            ("[nodes.pg-b]", "[nodes.Pg_B]", "is no name of a node"),
            (
                "by = \"ip\"",
                "by = \"keepalive\"",
                "did you mean \"keepalived\"",
            ),
            (
                "10.0.0.10/24",
                "10.0.0.10",
                "an IPv4 address with its prefix",
            ),
            (
                "interface = \"eth0\"",
                "# no interface",
                "does not say which interface",
            ),
            (
                "host = \"10.0.0.11\"",
                "host = \"10.0.0.10\"",
                "is the own address of nodes.pg-a",
            ),
            ("bin = \"/usr", "bin = \"usr", "is not a whole path"),
            (
                "version = \"15.20\"",
                "version = \"15\"\nx = 1",
                "this key is not known",
            ),
            (
                "distribution = \"debian\"",
                "distribution = \"command\"",
                "upgrade.command: is missing",
            ),
            (
                "# write_pause = \"10s\"",
                "write_pause = \"1s\"\nstop = \"2s\"",
                "longer than the whole",
            ),
        ] {
            assert!(VIP_SAMPLE.contains(from), "{from}");
            let told = problems(&VIP_SAMPLE.replacen(from, to, 1));
            assert!(told.contains(word), "{word}: {told}");
        }
    }

    /// What a section knows is told when something else is written in it.
    fn shows_every_key(sample: &str, sections: &[&str]) {
        let mut text = String::from("zzz = 1\n");
        for line in sample.lines() {
            text.push_str(line);
            text.push('\n');
            if line.starts_with('[') {
                text.push_str("zzz = 1\n");
            }
        }
        let found = parse(Path::new("p.toml"), &text).expect_err("unknown keys");
        let mut shown: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut section = String::new();
        for line in sample.lines() {
            if let Some(name) = line.strip_prefix('[') {
                name.trim_end_matches(']').clone_into(&mut section);
            }
            let line = line.strip_prefix("# ").unwrap_or(line);
            if let Some((key, _)) = line.split_once(" = ") {
                shown.entry(section.clone()).or_default().push(key);
            }
        }
        for name in sections {
            let key = if name.is_empty() {
                "zzz".to_owned()
            } else {
                format!("{name}.zzz")
            };
            let known = found.problems.iter().find(|problem| problem.key == key);
            let known = &known
                .unwrap_or_else(|| panic!("[{name}] in\n{found}"))
                .allowed;
            for key in known.split(", ") {
                let here = shown.get(*name).is_some_and(|keys| keys.contains(&key));
                let section = format!("\n[{key}");
                assert!(here || sample.contains(&section), "[{name}] {key}");
            }
        }
    }

    #[test]
    fn all_problems_come_at_once_with_their_places() {
        let text = "procedure = \"rds-bluegreen\"\nname = \"x\"\ndatabases = []\n\n[blue]\nidentifer = \"b\"\n\
                    [green]\nidentifier = \"g\"\nengine_version = 17\nmulti_az = \"yes\"\n\
                    [connection]\nuser = \"dba\"\npassword = \"hush\"\n  sslmode = \"verify_full\"\n\
                    [fence]\nroles = [\"app\", \"dba\"]\n[budgets]\nwrite_pause = \"0s\"\ndrain = \"1h\"\nlag_to_enter = \"16\"\n";
        let told = problems(text);
        for line in [
            "p.toml:1:13: procedure: \"rds-bluegreen\" is not known, did you mean \"rds-blue-green\"?",
            "p.toml:3:13: databases: is empty; allowed: a list of at least one name",
            "p.toml:5:1: blue.identifier: is missing",
            "p.toml:6:1: blue.identifer: this key is not known, did you mean \"identifier\"?; allowed: identifier, host, port",
            "p.toml:9:18: green.engine_version: is an integer; allowed: a PostgreSQL version",
            "p.toml:10:12: green.multi_az: is a string; allowed: true or false",
            "p.toml:13:12: connection.password: a password must not stand in a profile",
            "p.toml:14:13: connection.sslmode: \"verify_full\" is not known, did you mean \"verify-full\"?",
            "p.toml:16:9: fence.roles: \"dba\" is the role Greenlight itself logs in as",
            "p.toml:18:15: budgets.write_pause: \"0s\" is not one",
            "p.toml:19:9: budgets.drain: is longer than the whole write pause",
            "p.toml:20:16: budgets.lag_to_enter: \"16\" is not one; allowed: a size above 0",
        ] {
            assert!(told.contains(line), "{line}\nnot in\n{told}");
        }
        assert_eq!(told.lines().count(), 12, "{told}");
        assert!(!told.contains("hush"), "{told}");
    }

    #[test]
    fn what_must_be_there_is_asked_for() {
        let told = problems("");
        for key in [
            "procedure",
            "name",
            "databases",
            "blue.identifier",
            "green.identifier",
            "green.engine_version",
            "connection.user",
            "fence.roles",
        ] {
            assert!(
                told.contains(&format!(": {key}: is missing")),
                "{key}\n{told}"
            );
        }
        let told = problems("databases = [\n");
        assert!(told.starts_with("p.toml:"), "{told}");
    }

    #[test]
    fn only_what_can_be_taken_care_of_is_acknowledged() {
        let with = |list: &str| changed("[checks]", &format!("[checks]\nacknowledge = [{list}]"));
        let text = with("\"large-objects\"");
        let profile = sound("p.toml", &text);
        assert_eq!(profile.acknowledged, ["large-objects"]);
        let told = problems(&with("\"large-object\", \"replica-identity-missing\""));
        for words in [
            "did you mean \"large-objects\"?; allowed: a list of auto-ddl-jobs, cron-jobs, large-objects",
            "\"replica-identity-missing\" is no check that can be acknowledged",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn passwords_come_from_one_source() {
        let source = |text: &str| {
            let text = changed(
                "password = { env = \"GREENLIGHT_PASSWORD\" }",
                &format!("password = {text}"),
            );
            parse(Path::new("/p/p.toml"), &text)
                .map(|profile| profile.blue_green().expect("one").connection.password)
        };
        let file = Some("/p/pass".into());
        for (text, wanted) in [
            ("{ env = \"X\" }", PasswordSource::Env("X".to_owned())),
            (
                "{ passfile = \"pass\" }",
                PasswordSource::Passfile(file.clone()),
            ),
            ("{ passfile = true }", PasswordSource::Passfile(None)),
            (
                "{ service = \"s\", file = \"pass\" }",
                PasswordSource::Service {
                    name: "s".to_owned(),
                    file,
                },
            ),
            (
                "{ command = [\"vault\", \"\"] }",
                PasswordSource::Command(vec!["vault".to_owned(), String::new()]),
            ),
            ("{ iam = true }", PasswordSource::Iam),
        ] {
            assert_eq!(source(text), Ok(wanted), "{text}");
        }
        for (text, word) in [
            ("{}", "names no source"),
            ("{ iam = false }", "names no source"),
            ("{ env = \"X\", iam = true }", "more than one source"),
            ("{ file = \"x\" }", "goes with service only"),
            ("{ command = [] }", "names no program"),
            ("{ enw = \"X\" }", "did you mean \"env\"?"),
            ("7", "is an integer"),
        ] {
            let told = source(text).expect_err(text).to_string();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn a_canary_goes_by_one_url_as_one_of_the_fenced() {
        let with = |keys: &str| changed("[canary]", &format!("[canary]\n{keys}"));
        let read = |keys: &str| {
            parse(Path::new("/p/p.toml"), &with(keys)).map(|p| p.blue_green().expect("one").canary)
        };
        assert_eq!(read(""), Ok(None));
        let canary = read("url_file = \"app-url\"\nrole = \"shop_app\"").expect("sound");
        let canary = canary.expect("one");
        assert_eq!(canary.url, CanaryUrl::File("/p/app-url".into()));
        assert_eq!(canary.every, std::time::Duration::from_millis(20));
        for (keys, words) in [
            ("url_file = \"f\"", "canary.role: is missing"),
            ("url_file = \"f\"\nrole = \"dba\"", "not among fence.roles"),
            (
                "url_file = \"f\"\nurl = \"postgresql://h/d\"",
                "stands beside url_file",
            ),
            (
                "url = \"postgresql://u:hush@h/d\"",
                "must not stand in a profile",
            ),
            (
                "url = \"host=h password=hush\"",
                "must not stand in a profile",
            ),
        ] {
            let told = problems(&with(keys));
            assert!(
                told.contains(words) && !told.contains("hush"),
                "{words}: {told}"
            );
        }
    }

    #[test]
    fn rules_across_keys() {
        for (from, to, word) in [
            (
                "password = { env = \"GREENLIGHT_PASSWORD\" }",
                "password = { iam = true }\nsslmode = \"prefer\"\nx = 1",
                "unencrypted",
            ),
            (
                "password = { env = \"GREENLIGHT_REPLICATION_PASSWORD\" }",
                "password = { iam = true }",
                "fifteen minutes",
            ),
            (
                "roles = [\"shop_app\"",
                "roles = [\"greenlight_replication\"",
                "replication.role",
            ),
            (
                "ignore = [\"monitoring\"]",
                "ignore = [\"shop_app\"]",
                "both fenced and ignored",
            ),
            (
                "identifier = \"shop-prod-green\"",
                "identifier = \"Shop-Prod-Blue\"",
                "is BLUE itself",
            ),
            (
                "databases = [\"shop\"]",
                "databases = [\"shop\", \"shop\"]",
                "twice",
            ),
            (
                "databases = [\"shop\"]",
                "databases = [\"rdsadmin\"]",
                "belongs to the server",
            ),
            (
                "# slot = \"greenlight\"",
                "slot = \"Green-Light\"",
                "names.slot",
            ),
            (
                "argv = [\"/usr/local/bin/point-apps-at\", \"{host}\", \"{port}\"]",
                "argv = []",
                "names no program",
            ),
        ] {
            let text = changed(from, to).replacen(
                "\nsslmode = \"verify-full\"",
                "",
                usize::from(to.contains("prefer")),
            );
            let told = problems(&text);
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
