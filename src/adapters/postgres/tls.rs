use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::profile::SslMode;

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::adapters) enum TlsError {
    #[error("cannot read the CA file {path}: {reason}")]
    RootFile { path: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// How a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    ChainAndName,
}

/// A connector that checks the server as libpq does at this `sslmode`: with a CA file, `require` checks the chain too.
/// Where libpq refuses `verify-ca` without a file, RDS's authorities stand in for it.
pub(super) fn connector(
    mode: SslMode,
    rootcert: Option<&Path>,
) -> Result<MakeRustlsConnect, TlsError> {
    client_config(mode, rootcert).map(MakeRustlsConnect::new)
}

/// The same for other protocols than PostgreSQL's.
pub(in crate::adapters) fn client_config(
    mode: SslMode,
    rootcert: Option<&Path>,
) -> Result<ClientConfig, TlsError> {
    let check = match (mode, rootcert) {
        (SslMode::VerifyFull, _) => Check::ChainAndName,
        (SslMode::VerifyCa, _) | (SslMode::Require, Some(_)) => Check::Chain,
        (SslMode::Require, None) | (SslMode::Disable | SslMode::Prefer, _) => Check::Nothing,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let config = match check {
        Check::ChainAndName => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots(rootcert, check)?, provider)
                    .build()
                    .map_err(|error| TlsError::Setup(error.to_string()))?;
            builder.with_webpki_verifier(verifier)
        }
        Check::Chain => {
            let roots = Some(roots(rootcert, check)?);
            let verifier = AnyName { roots, provider };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
        Check::Nothing => {
            let verifier = AnyName {
                roots: None,
                provider,
            };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    Ok(config.with_no_client_auth())
}

/// The authorities that RDS has its servers' certificates from.
const RDS_AUTHORITIES: &[u8] = include_bytes!("../../../assets/rds-ca-bundle.pem");

/// The CA file's certificates; without one those of RDS, and the system's where the name is checked: a public authority
/// certifies anybody, for a name of their own.
fn roots(file: Option<&Path>, check: Check) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    if let Some(path) = file {
        let error = |reason: String| TlsError::RootFile {
            path: path.to_owned(),
            reason,
        };
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|found| error(found.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|found| error(found.to_string()))?;
            store
                .add(certificate)
                .map_err(|found| error(found.to_string()))?;
        }
        if store.is_empty() {
            return Err(error("it holds no certificate".to_owned()));
        }
    } else {
        store.add_parsable_certificates(rds_authorities());
        if check == Check::ChainAndName {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(Arc::new(store))
}

fn rds_authorities() -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(RDS_AUTHORITIES).filter_map(Result::ok)
}

/// Checks the chain against `roots` when there are any, and never the name; the handshake's signature always.
#[derive(Debug)]
struct AnyName {
    roots: Option<Arc<RootCertStore>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            rustls::client::verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;

    use super::{Check, RDS_AUTHORITIES, rds_authorities, roots};

    #[test]
    fn every_authority_of_rds_is_one() {
        let text = String::from_utf8_lossy(RDS_AUTHORITIES);
        let told = text.matches("BEGIN CERTIFICATE").count();
        let mut store = RootCertStore::empty();
        let (taken, refused) = store.add_parsable_certificates(rds_authorities());
        assert_eq!((taken, refused), (told, 0));
        assert!(text.contains("# Amazon RDS eu-central-1 Root CA RSA2048 G1"));
        let count = |check| roots(None, check).expect("authorities").len();
        assert!(count(Check::ChainAndName) >= taken);
        assert_eq!(count(Check::Chain), taken);
    }
}
