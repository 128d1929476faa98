use std::path::Path;
use std::time::Duration;

use super::error::{Problem, ProfileErrors};
use super::read::{At, Findings, Section};
use super::schema::{
    BlueAfter, Budgets, Connection, Fence, Green, Hook, Hooks, Names, PasswordSource, Profile, Rds,
    Replication, Route, ServerAddress, SslMode, Thresholds,
};
use super::validate;
use crate::domain::{ByteSize, PgVersion};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const NAME: &str = "a name";
const PORTS: (i64, i64) = (1, 65_535);

const SSL_MODES: [(&str, SslMode); 5] = [
    ("disable", SslMode::Disable),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

const PASSWORD: &str = "{ env = \"NAME\" }, { passfile = \"FILE\" }, { service = \"NAME\" }, \
    { command = [\"PROGRAM\", …] }, { iam = true }";

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

fn read(
    findings: &Findings<'_>,
    document: &toml_edit::Document<&str>,
    path: &Path,
    text: &str,
) -> Option<Profile> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let root = findings.root(document.as_table());
    let procedure = root.choice("procedure", &[("rds-blue-green", "rds-blue-green")]);
    if procedure.is_none() && !document.contains_key("procedure") {
        root.missing("procedure", "\"rds-blue-green\"");
    }
    let name = root.required("name", "a short name for the header, \"shop-prod\"");
    let databases = required_names(&root, "databases", validate::database);
    let schemas = root.texts("schemas", "a list of schema names");
    let blue = server(&root.section("blue"));
    let green = green(&root.section("green"));
    let rds = rds(&root.section("rds"));
    let connection = connection(&root.section("connection"), folder);
    let replication = replication(&root.section("replication"), folder);
    let fence = fence(&root.section("fence"));
    let budgets = budgets(&root.section("budgets"));
    let thresholds = thresholds(&root.section("thresholds"));
    let hooks = hooks(&root.section("hooks"));
    let names = names(&root.section("names"));
    let blue_after = finish(&root.section("finish"));
    root.finish();
    if let (Some(fence), Some(connection)) = (&fence, &connection) {
        validate::roles(findings, fence, &connection.user, &replication.role);
    }
    if let (Some(blue), Some(green)) = (&blue, &green) {
        validate::instances(findings, blue, green);
    }
    // What is missing here has been complained about.
    Some(Profile {
        path: path.to_owned(),
        text: text.to_owned(),
        procedure: procedure?.value.to_owned(),
        name: name?.value,
        blue: blue?.value,
        green: green?.value,
        rds,
        connection: connection?,
        replication,
        databases: databases?.value,
        schemas: schemas.map_or_else(Vec::new, |at| at.value),
        fence: fence?.value,
        budgets,
        thresholds,
        hooks,
        names,
        blue_after,
    })
}

/// A list of names with at least one in it.
fn required_names(
    section: &Section<'_>,
    key: &'static str,
    rule: fn(&str) -> Result<(), String>,
) -> Option<At<Vec<String>>> {
    let allowed = "a list of at least one name, each of at most 63 bytes";
    let Some(list) = section.texts(key, allowed) else {
        if !section.has(key) {
            section.missing(key, allowed);
        }
        return None;
    };
    if list.value.is_empty() {
        section.findings().at(&list, "is empty", allowed);
    }
    for problem in list.value.iter().filter_map(|name| rule(name).err()) {
        section.findings().at(&list, problem, allowed);
    }
    Some(list)
}

/// Identifier and address; the section is left open for what more it holds.
fn address(section: &Section<'_>) -> Option<At<ServerAddress>> {
    let allowed = "an RDS instance identifier: letters, digits and single hyphens, a letter first, at most 63";
    let identifier = section.required("identifier", allowed);
    if let Some(identifier) = identifier
        .as_ref()
        .filter(|at| !validate::identifier(&at.value))
    {
        let problem = format!("{:?} is not one", identifier.value);
        section.findings().at(identifier, problem, allowed);
    }
    let host = section
        .text("host", "a host name or address")
        .map(|at| at.value);
    let port = section.whole("port", PORTS);
    let identifier = identifier?;
    let value = ServerAddress {
        identifier: identifier.value,
        host,
        port,
    };
    Some(section.at("identifier", identifier.span, value))
}

fn server(section: &Section<'_>) -> Option<At<ServerAddress>> {
    let address = address(section);
    section.finish();
    address
}

fn green(section: &Section<'_>) -> Option<At<Green>> {
    let version = "a PostgreSQL version that RDS offers, \"17.10\"";
    let address = address(section);
    let engine_version = section.required("engine_version", version);
    if let Some(at) = &engine_version
        && PgVersion::from_dotted(&at.value).is_none()
    {
        let problem = format!("{:?} is not one", at.value);
        section.findings().at(at, problem, version);
    }
    let text = |key| section.text(key, NAME).map(|at| at.value);
    let green = Green {
        address: ServerAddress::default(),
        engine_version: String::new(),
        instance_class: text("instance_class"),
        parameter_group: text("parameter_group"),
        subnet_group: text("subnet_group"),
        security_groups: section
            .texts("security_groups", "a list of VPC security group ids")
            .map(|at| at.value),
        multi_az: section.flag("multi_az"),
        iam_auth: section.flag("iam_auth"),
        storage_type: text("storage_type"),
        iops: section.whole("iops", (1, i64::from(i32::MAX))),
    };
    section.finish();
    let address = address?;
    let green = Green {
        address: address.value,
        engine_version: engine_version?.value,
        ..green
    };
    Some(At {
        value: green,
        span: address.span,
        key: address.key,
    })
}

fn rds(section: &Section<'_>) -> Rds {
    let text = |key, allowed| section.text(key, allowed).map(|at| at.value);
    let routes = [
        ("auto", Route::Auto),
        ("upgrade-snapshot", Route::UpgradeSnapshot),
        ("upgrade-instance", Route::UpgradeInstance),
    ];
    let prefix = "letters, digits and single hyphens, a letter first, at most 40";
    let snapshot_prefix = section.text("snapshot_prefix", prefix);
    if let Some(at) = &snapshot_prefix
        && (!validate::identifier(&at.value) || at.value.len() > 40)
    {
        let problem = format!("{:?} cannot begin a snapshot's name", at.value);
        section.findings().at(at, problem, prefix);
    }
    let rds = Rds {
        region: text("region", "an AWS region, \"eu-central-1\""),
        aws_profile: text("aws_profile", "a profile of the AWS configuration"),
        endpoint_url: text("endpoint_url", "a URL"),
        route: section
            .choice("route", &routes)
            .map_or(Route::Auto, |at| at.value),
        snapshot_prefix: snapshot_prefix.map_or_else(|| "greenlight".to_owned(), |at| at.value),
    };
    section.finish();
    rds
}

fn connection(section: &Section<'_>, folder: &Path) -> Option<Connection> {
    let user = section.required("user", "the role Greenlight logs in as");
    let password = password(section, folder);
    let sslmode = section.choice("sslmode", &SSL_MODES);
    let sslmode = sslmode.map_or(SslMode::VerifyFull, |at| at.value);
    if let Some(password) = &password {
        validate::token_needs_tls(section.findings(), password, sslmode);
    }
    let sslrootcert = section.text("sslrootcert", "a file of CA certificates (PEM)");
    let connection = Connection {
        user: String::new(),
        password: password.map_or(PasswordSource::None, |at| at.value),
        sslmode,
        sslrootcert: sslrootcert.map(|at| folder.join(at.value)),
        connect_timeout: section.duration("connect_timeout", 10 * SECOND).value,
        statement_timeout: section.duration("statement_timeout", 30 * SECOND).value,
        lock_timeout: section.duration("lock_timeout", 2 * SECOND).value,
    };
    section.finish();
    Some(Connection {
        user: user?.value,
        ..connection
    })
}

fn replication(section: &Section<'_>, folder: &Path) -> Replication {
    let text = |key, allowed| section.text(key, allowed).map(|at| at.value);
    let password = password(section, folder);
    if let Some(at) = password
        .as_ref()
        .filter(|at| at.value == PasswordSource::Iam)
    {
        let problem = "a token lives for fifteen minutes and cannot be used for replication";
        section.findings().at(at, problem, "any other source");
    }
    let sslmode = section.choice("sslmode", &SSL_MODES);
    let replication = Replication {
        role: text("role", NAME).unwrap_or_else(|| "greenlight_replication".to_owned()),
        password: password.map_or(PasswordSource::None, |at| at.value),
        sslmode: sslmode.map_or(SslMode::Require, |at| at.value),
        sslrootcert: text("sslrootcert", "a path on the servers"),
        blue_host: text("blue_host", "a host name or address"),
        blue_port: section.whole("blue_port", PORTS),
        green_host: text("green_host", "a host name or address"),
        green_port: section.whole("green_port", PORTS),
    };
    section.finish();
    replication
}

fn password(section: &Section<'_>, folder: &Path) -> Option<At<PasswordSource>> {
    let key = "password";
    let (item, span) = section.item(key)?;
    if item.is_str() {
        let problem = "a password must not stand in a profile: the profile is copied into every run's folder and its \
                       report; say where to get it";
        section
            .findings()
            .add(&span, &section.full(key), problem.to_owned(), PASSWORD);
        return None;
    }
    if item.as_table_like().is_none() {
        section.wrong_type(key, &span, item, PASSWORD);
        return None;
    }
    let inner = section.section(key);
    let default_file = inner
        .item("passfile")
        .is_some_and(|(item, _)| item.as_bool() == Some(true));
    let passfile = if default_file {
        Some(PasswordSource::Passfile(None))
    } else {
        let at = inner.text("passfile", "a file, or true for libpq's own");
        at.map(|at| PasswordSource::Passfile(Some(folder.join(at.value))))
    };
    let file = inner.text("file", "a service file");
    let service = inner.text("service", "a section of the service file");
    if let (Some(file), None) = (&file, &service) {
        inner
            .findings()
            .at(file, "goes with service only", "beside service");
    }
    let service = service.map(|at| PasswordSource::Service {
        name: at.value,
        file: file.map(|at| folder.join(at.value)),
    });
    let command = inner.argv("command", "a program and its arguments");
    if let Some(at) = command.as_ref().filter(|at| !validate::runs(&at.value)) {
        inner
            .findings()
            .at(at, "names no program", "a program and its arguments");
    }
    let env = inner.text("env", "the name of an environment variable");
    let iam = inner.flag("iam").filter(|on| *on);
    let sources = [
        env.map(|at| PasswordSource::Env(at.value)),
        passfile,
        service,
        command.map(|at| PasswordSource::Command(at.value)),
        iam.map(|_| PasswordSource::Iam),
    ];
    let complained = inner.finish();
    let mut sources = sources.into_iter().flatten();
    match (sources.next(), sources.next()) {
        (Some(source), None) => Some(section.at(key, span, source)),
        (None, _) if complained => None,
        (found, _) => {
            let problem = if found.is_some() {
                "names more than one source"
            } else {
                "names no source"
            };
            section
                .findings()
                .add(&span, &section.full(key), problem.to_owned(), PASSWORD);
            None
        }
    }
}

fn fence(section: &Section<'_>) -> Option<At<Fence>> {
    let roles = required_names(section, "roles", validate::name);
    let ignore = section.texts("ignore", "a list of roles");
    section.finish();
    let roles = roles?;
    Some(At {
        value: Fence {
            roles: roles.value,
            ignore: ignore.map_or_else(Vec::new, |at| at.value),
        },
        span: roles.span,
        key: roles.key,
    })
}

fn budgets(section: &Section<'_>) -> Budgets {
    let write_pause = section.duration("write_pause", 30 * SECOND);
    let drain = section.duration("drain", write_pause.value.min(20 * SECOND));
    if drain.value > write_pause.value {
        let problem = "is longer than the whole write pause";
        section
            .findings()
            .at(&drain, problem, "at most budgets.write_pause");
    }
    let budgets = Budgets {
        write_pause: write_pause.value,
        drain: drain.value,
        lag_to_enter: section.size("lag_to_enter").unwrap_or(ByteSize(16 << 20)),
        longest_transaction: section.duration("longest_transaction", 30 * SECOND).value,
        snapshot: section.duration("snapshot", 4 * HOUR).value,
        upgrade: section.duration("upgrade", 4 * HOUR).value,
        restore: section.duration("restore", 4 * HOUR).value,
        catch_up: section.duration("catch_up", 24 * HOUR).value,
        slot: section.duration("slot", 600 * SECOND).value,
    };
    section.finish();
    budgets
}

fn thresholds(section: &Section<'_>) -> Thresholds {
    let thresholds = Thresholds {
        wal_retained: section.size("wal_retained").unwrap_or(ByteSize(40 << 30)),
        wal_space: section.size("wal_space"),
        hours_until_full: section.positive("hours_until_full").unwrap_or(12.0),
    };
    section.finish();
    thresholds
}

fn hooks(section: &Section<'_>) -> Hooks {
    let hooks = Hooks {
        redirect: hook(section, "redirect", 10 * SECOND),
        notify: hook(section, "notify", 30 * SECOND),
    };
    section.finish();
    hooks
}

fn hook(hooks: &Section<'_>, key: &'static str, limit: Duration) -> Option<Hook> {
    let allowed =
        "a program and its arguments, [\"/usr/local/bin/point-apps-at\", \"{host}\", \"{port}\"]";
    hooks.item(key)?;
    let section = hooks.section(key);
    let argv = section.argv("argv", allowed);
    match &argv {
        None if !section.has("argv") && section.is_there() => section.missing("argv", allowed),
        Some(at) if !validate::runs(&at.value) => {
            section.findings().at(at, "names no program", allowed);
        }
        _ => {}
    }
    let limit = section.duration("limit", limit).value;
    section.finish();
    Some(Hook {
        argv: argv?.value,
        limit,
    })
}

fn names(section: &Section<'_>) -> Names {
    let name = |key, rule: fn(&str) -> bool, allowed| {
        let Some(at) = section.text(key, allowed) else {
            return "greenlight".to_owned();
        };
        if !rule(&at.value) {
            let problem = format!("{:?} is not one", at.value);
            section.findings().at(&at, problem, allowed);
        }
        at.value
    };
    let any: fn(&str) -> bool = |text| validate::name(text).is_ok();
    let names = Names {
        schema: name("schema", any, "a schema's name of at most 63 bytes"),
        publication: name("publication", any, "a name of at most 63 bytes"),
        slot: name(
            "slot",
            validate::slot_prefix,
            "1 to 24 of a to z, 0 to 9 and _ (database and run are appended)",
        ),
        subscription: name(
            "subscription",
            |text| text.len() <= 55,
            "a name of at most 55 bytes",
        ),
    };
    section.finish();
    names
}

fn finish(section: &Section<'_>) -> BlueAfter {
    let choices = [("keep", BlueAfter::Keep), ("delete", BlueAfter::Delete)];
    let blue = section.choice("blue", &choices);
    section.finish();
    blue.map_or(BlueAfter::Keep, |at| at.value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SAMPLE: &str = include_str!("../../sample-profiles/rds-blue-green.toml");

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
        let profile = parse(Path::new("/etc/greenlight/p.toml"), SAMPLE).expect("sound");
        assert_eq!(profile.databases, ["shop"]);
        assert_eq!(profile.connection.sslmode, SslMode::VerifyFull);
        assert_eq!(profile.budgets.lag_to_enter, ByteSize(16 << 20));
        let text = changed(
            "# sslrootcert = \"global-bundle.pem\"",
            "sslrootcert = \"ca.pem\"",
        );
        let profile = parse(Path::new("/etc/greenlight/p.toml"), &text).expect("sound");
        let file = profile.connection.sslrootcert.expect("one");
        assert_eq!(file, Path::new("/etc/greenlight/ca.pem"));
    }

    /// What a section knows is told when something else is written in it.
    #[test]
    fn the_sample_shows_every_key() {
        let mut text = String::from("zzz = 1\n");
        for line in SAMPLE.lines() {
            text.push_str(line);
            text.push('\n');
            if line.starts_with('[') {
                text.push_str("zzz = 1\n");
            }
        }
        let found = parse(Path::new("p.toml"), &text).expect_err("unknown keys");
        let mut shown: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut section = String::new();
        for line in SAMPLE.lines() {
            if let Some(name) = line.strip_prefix('[') {
                name.trim_end_matches(']').clone_into(&mut section);
            }
            let line = line.strip_prefix("# ").unwrap_or(line);
            if let Some((key, _)) = line.split_once(" = ") {
                shown.entry(section.clone()).or_default().push(key);
            }
        }
        let sections = [
            "blue",
            "green",
            "rds",
            "connection",
            "replication",
            "fence",
            "budgets",
        ];
        let sections = sections
            .iter()
            .chain(&["thresholds", "hooks.redirect", "names", "finish"]);
        for name in sections.chain(&["", "hooks.notify"]) {
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
                assert!(here || SAMPLE.contains(&section), "[{name}] {key}");
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
    fn passwords_come_from_one_source() {
        let source = |text: &str| {
            let text = changed(
                "password = { env = \"GREENLIGHT_PASSWORD\" }",
                &format!("password = {text}"),
            );
            parse(Path::new("/p/p.toml"), &text).map(|profile| profile.connection.password)
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
