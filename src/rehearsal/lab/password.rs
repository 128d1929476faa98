use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::shop::random;
use crate::rehearsal::RehearsalError;

/// What the server keeps of an application's password: SCRAM-SHA-256 with a single iteration instead of 4,096.
///
/// In a lab the applications log in from the servers' own two cores. Sixteen of them hashing at once would be most of
/// what a write pause is there, and says nothing of the pause.
pub fn quick_verifier(password: &SecretString) -> Result<SecretString, RehearsalError> {
    let salt = random::<16>()?;
    // RFC 5802: with one iteration Hi() is the HMAC of the salt and the block number.
    let salted = hmac(
        password.expose_secret().as_bytes(),
        &[&salt[..], &[0, 0, 0, 1]].concat(),
    );
    let stored = Sha256::digest(hmac(&salted, b"Client Key"));
    let server = hmac(&salted, b"Server Key");
    let [salt, stored, server] =
        [&salt[..], &stored, &server].map(|bytes| BASE64_STANDARD.encode(bytes));
    Ok(format!("SCRAM-SHA-256$1:{salt}${stored}:{server}").into())
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // proven: HMAC takes keys of any length.
    #[expect(clippy::expect_used)]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
