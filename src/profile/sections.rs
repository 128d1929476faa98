//! The sections of a profile, each with its keys, what they allow and their defaults.

use std::path::Path;
use std::time::Duration;

use super::read::{At, Section, suggestion};
use super::schema::{
    ACKNOWLEDGEABLE, BlueAfter, Budgets, Canary, CanaryUrl, Compare, CompareWhen, Connection,
    Fence, Green, Hook, Hooks, Names, PasswordSource, Rds, Replication, Route, ServerAddress,
    SslMode, Thresholds,
};
use super::validate;
use crate::domain::{ByteSize, PgVersion};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
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

/// A list of names with at least one in it.
pub(super) fn required_names(
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

pub(super) fn server(section: &Section<'_>) -> Option<At<ServerAddress>> {
    let address = address(section);
    section.finish();
    address
}

pub(super) fn green(section: &Section<'_>) -> Option<At<Green>> {
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

pub(super) fn rds(section: &Section<'_>) -> Rds {
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

/// TLS towards a server, by libpq's names.
pub(super) fn sslmode(section: &Section<'_>, default: SslMode) -> SslMode {
    section
        .choice("sslmode", &SSL_MODES)
        .map_or(default, |at| at.value)
}

pub(super) fn connection(section: &Section<'_>, folder: &Path) -> Option<Connection> {
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

pub(super) fn replication(section: &Section<'_>, folder: &Path) -> Replication {
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

pub(super) fn password(section: &Section<'_>, folder: &Path) -> Option<At<PasswordSource>> {
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

pub(super) fn fence(section: &Section<'_>) -> Option<At<Fence>> {
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

pub(super) fn budgets(section: &Section<'_>) -> Budgets {
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

pub(super) fn thresholds(section: &Section<'_>) -> Thresholds {
    let thresholds = Thresholds {
        wal_retained: section.size("wal_retained").unwrap_or(ByteSize(40 << 30)),
        wal_space: section.size("wal_space"),
        hours_until_full: section.positive("hours_until_full").unwrap_or(12.0),
        slot_room: section.size("slot_room").unwrap_or(ByteSize(4 << 30)),
        lag_growing: section.duration("lag_growing", 10 * MINUTE).value,
        schema_every: section.duration("schema_every", MINUTE).value,
    };
    section.finish();
    thresholds
}

pub(super) fn compare(section: &Section<'_>) -> Compare {
    let when = [
        ("both", CompareWhen::Both),
        ("before", CompareWhen::Before),
        ("after", CompareWhen::After),
        ("never", CompareWhen::Never),
    ];
    let default = Compare::default();
    let in_pause = section.has("in_pause");
    let compare = Compare {
        when: section
            .choice("when", &when)
            .map_or(default.when, |at| at.value),
        sessions: section
            .whole("sessions", (1, 64))
            .unwrap_or(default.sessions),
        limit: section.duration("limit", default.limit).value,
        in_pause: in_pause.then(|| section.duration("in_pause", SECOND).value),
    };
    section.finish();
    compare
}

/// Without a URL there is no canary.
pub(super) fn canary(section: &Section<'_>, folder: &Path) -> Option<At<Canary>> {
    const ROLE: &str = "the role the URL logs in as, one of fence.roles";
    const URL: &str = "a URL without a password, \"postgresql://db.example/shop\"";
    let file = section.text("url_file", "a file that holds the application's URL");
    let fixed = section.text("url", URL);
    let password = password(section, folder);
    let role = section.text("role", ROLE);
    let every = section.duration("every", Duration::from_millis(20));
    section.finish();
    if let Some(at) = fixed
        .as_ref()
        .filter(|at| validate::has_password(&at.value))
    {
        let problem =
            "a password must not stand in a profile: name a password source beside the URL";
        section.findings().at(at, problem, URL);
    }
    let url = match (file, fixed) {
        (Some(_), Some(fixed)) => {
            section
                .findings()
                .at(&fixed, "stands beside url_file", "one of the two");
            None
        }
        (Some(file), None) => Some(CanaryUrl::File(folder.join(file.value))),
        (None, Some(fixed)) => Some(CanaryUrl::Fixed(fixed.value)),
        (None, None) => None,
    }?;
    let Some(role) = role else {
        section.missing("role", ROLE);
        return None;
    };
    let canary = Canary {
        url,
        role: role.value,
        password: password.map_or(PasswordSource::None, |at| at.value),
        every: every.value,
    };
    Some(section.at("role", role.span, canary))
}

/// Checks that the operator has taken care of.
pub(super) fn acknowledged(section: &Section<'_>) -> Vec<String> {
    let allowed = format!("a list of {}", ACKNOWLEDGEABLE.join(", "));
    let list = section.texts("acknowledge", &allowed);
    section.finish();
    let Some(list) = list else {
        return Vec::new();
    };
    for id in list
        .value
        .iter()
        .filter(|id| !ACKNOWLEDGEABLE.contains(&id.as_str()))
    {
        let problem = format!(
            "{id:?} is no check that can be acknowledged{}",
            suggestion(id, ACKNOWLEDGEABLE.into_iter())
        );
        section.findings().at(&list, problem, &allowed);
    }
    list.value
}

pub(super) fn hooks(section: &Section<'_>) -> Hooks {
    let hooks = Hooks {
        redirect: hook(section, "redirect", 10 * SECOND),
        notify: hook(section, "notify", 30 * SECOND),
    };
    section.finish();
    hooks
}

pub(super) fn hook(hooks: &Section<'_>, key: &'static str, limit: Duration) -> Option<Hook> {
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

pub(super) fn names(section: &Section<'_>) -> Names {
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

pub(super) fn finish(section: &Section<'_>) -> BlueAfter {
    let choices = [("keep", BlueAfter::Keep), ("delete", BlueAfter::Delete)];
    let blue = section.choice("blue", &choices);
    section.finish();
    blue.map_or(BlueAfter::Keep, |at| at.value)
}
