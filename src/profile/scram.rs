use secrecy::{ExposeSecret, SecretString};

/// What a server keeps of a password (SCRAM-SHA-256): sent instead of it, so that it stands in no statement and no log.
#[must_use]
pub fn scram_verifier(password: &SecretString) -> SecretString {
    postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes()).into()
}
