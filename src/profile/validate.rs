use super::read::{At, Findings};
use super::schema::{Canary, Fence, Green, PasswordSource, ServerAddress, SslMode};

/// PostgreSQL cuts longer names short without an error.
const NAME_BYTES: usize = 63;

/// A name PostgreSQL can keep whole.
pub(super) fn name(name: &str) -> Result<(), String> {
    if name.len() > NAME_BYTES {
        return Err(format!("{name:?} is longer than {NAME_BYTES} bytes"));
    }
    Ok(())
}

/// A database that can be moved.
pub(super) fn database(database: &str) -> Result<(), String> {
    if ["template0", "template1", "rdsadmin"].contains(&database) {
        return Err(format!(
            "{database:?} belongs to the server and cannot be moved"
        ));
    }
    name(database)
}

/// What RDS accepts as an identifier.
pub(super) fn identifier(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.contains("--")
        && !text.ends_with('-')
}

/// What a node may be called: its name stands in host lists, slots and phrases.
pub(super) fn node_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// What a slot's name may begin with: database, run and `_reverse` follow, all within 63 bytes.
pub(super) fn slot_prefix(text: &str) -> bool {
    (1..=24).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// True for an argument list that names a program.
pub(super) fn runs(argv: &[String]) -> bool {
    argv.first().is_some_and(|program| !program.is_empty())
}

/// A token is a password: it must not go over the wire in the clear.
pub(super) fn token_needs_tls(
    findings: &Findings<'_>,
    password: &At<PasswordSource>,
    sslmode: SslMode,
) {
    if password.value == PasswordSource::Iam
        && matches!(sslmode, SslMode::Disable | SslMode::Prefer)
    {
        let problem = "a token must not go over a connection that may be unencrypted";
        let allowed = "connection.sslmode \"require\", \"verify-ca\" or \"verify-full\"";
        findings.at(password, problem, allowed);
    }
}

/// The tool must not lock itself out, nor replication.
pub(super) fn roles(findings: &Findings<'_>, fence: &At<Fence>, user: &str, replication: &str) {
    for (role, what) in [
        (
            user,
            "the role Greenlight itself logs in as (connection.user)",
        ),
        (
            replication,
            "the role replication logs in as (replication.role)",
        ),
    ] {
        if fence.value.roles.iter().any(|fenced| fenced == role) {
            let problem = format!("{role:?} is {what}, which must be able to log in");
            findings.at(fence, problem, "roles of applications");
        }
    }
    for role in &fence.value.ignore {
        if fence.value.roles.contains(role) {
            let problem = format!("{role:?} is both fenced and ignored");
            findings.at(fence, problem, "one of the two");
        }
    }
}

/// The canary is fenced like the application it stands for; as anybody else it would count as a session that leaks.
pub(super) fn canary(findings: &Findings<'_>, canary: &At<Canary>, fence: &At<Fence>) {
    if !fence.value.roles.contains(&canary.value.role) {
        let problem = format!("{:?} is not among fence.roles", canary.value.role);
        findings.at(canary, problem, "one of fence.roles");
    }
}

/// True when a connection string seems to hold a password.
pub(super) fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest);
    let user = authority.and_then(|rest| rest.split(['/', '?']).next()?.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=")
}

/// GREEN is another instance than BLUE.
pub(super) fn instances(findings: &Findings<'_>, blue: &At<ServerAddress>, green: &At<Green>) {
    let other = &green.value.address;
    if blue
        .value
        .identifier
        .eq_ignore_ascii_case(&other.identifier)
    {
        let problem = format!("{:?} is BLUE itself", other.identifier);
        findings.at(green, problem, "an identifier that is not in use");
    }
}
