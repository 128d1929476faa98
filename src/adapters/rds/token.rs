use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};
use secrecy::SecretString;

use super::RdsClient;
use super::error::sign_in;
use crate::domain::percent_encoded;
use crate::ports::{RdsError, RdsErrorKind};

impl RdsClient {
    /// A token to be used as the password of `role`, signed here: no call is made, except for credentials.
    pub(super) async fn token(
        &self,
        host: &str,
        port: u16,
        role: &str,
    ) -> Result<SecretString, RdsError> {
        let error = |kind, message| RdsError {
            operation: "rds-db:connect token",
            kind,
            code: None,
            message,
        };
        // The signer takes both into a URL as they are.
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            let message = format!("{host:?} is not a host name a token can be made for");
            return Err(error(RdsErrorKind::Refused, message));
        }
        let config = Config::builder()
            .hostname(host)
            .port(u64::from(port))
            .username(percent_encoded(role))
            .build()
            .map_err(|e| error(RdsErrorKind::Refused, e.to_string()))?;
        let token = AuthTokenGenerator::new(config)
            .auth_token(&self.sdk)
            .await
            .map_err(|e| error(RdsErrorKind::Credentials, sign_in(&e.to_string())))?;
        Ok(token.as_str().to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::{AwsSettings, RdsClient, trace_retries};

    #[tokio::test]
    async fn a_token_names_host_and_role_and_is_signed() {
        let settings = AwsSettings {
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            ..AwsSettings::default()
        };
        let client = RdsClient::connect(&settings, trace_retries())
            .await
            .expect("loopback needs no environment");
        let token = client
            .token("blue.example.com", 5432, "App-\"3\" %&é")
            .await;
        let token = token.expect("signed");
        let token = token.expose_secret();
        assert!(
            token.starts_with(
                "blue.example.com:5432/?Action=connect&DBUser=App-%223%22%20%25%26%C3%A9&"
            ),
            "{token}"
        );
        assert!(token.contains("X-Amz-Signature="), "{token}");
        assert!(token.contains("X-Amz-Expires=900"), "{token}");
        assert!(client.token("a/b", 5432, "x").await.is_err());
    }
}
