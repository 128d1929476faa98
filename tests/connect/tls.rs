use std::path::{Path, PathBuf};
use std::process::Command;

use greenlight::adapters::postgres::{Login, Postgres};
use greenlight::domain::Node;
use greenlight::ports::{Databases, DbError, DbErrorKind};
use greenlight::profile::SslMode;
use greenlight::rehearsal::Cluster;
use tempfile::TempDir;

use super::support::{LIMITS, Sql, at, given, install};

/// Two authorities, and a server certificate for `localhost` (not for 127.0.0.1) by the first.
struct Authority {
    dir: TempDir,
}

impl Authority {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let this = Self { dir };
        for ca in ["ca", "other"] {
            this.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN={ca} \
                 -keyout {ca}.key -out {ca}.pem"
            ));
        }
        this.openssl(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        );
        std::fs::write(this.file("ext"), "subjectAltName=DNS:localhost\n").expect("written");
        this.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out server.pem",
        );
        this
    }

    fn openssl(&self, words: &str) {
        let done = Command::new("openssl")
            .args(words.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .expect("openssl is installed");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// A server with TLS; its key is taken over by owner and mode as it demands.
async fn server(authority: &Authority) -> Cluster {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let mut server = Cluster::builder(&install())
        .password("hush".to_owned().into())
        .create()
        .await
        .expect("a cluster");
    let data = server.data_dir();
    let owner = std::fs::metadata(&data).expect("its folder");
    for name in ["server.pem", "server.key"] {
        let copy = data.join(name);
        std::fs::copy(authority.file(name), &copy).expect("copied");
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).expect("mode");
        std::os::unix::fs::chown(&copy, Some(owner.uid()), Some(owner.gid())).expect("owner");
    }
    server.set("ssl", "on");
    server.set("ssl_cert_file", "server.pem");
    server.set("ssl_key_file", "server.key");
    server.start_again().await.expect("started");
    server
}

/// Whether the connection is encrypted, when one comes about.
async fn connect(
    server: &Cluster,
    host: &str,
    sslmode: SslMode,
    root: Option<&Path>,
) -> Result<bool, DbError> {
    let login = Login {
        sslmode,
        sslrootcert: root.map(Path::to_owned),
        ..Login::local("postgres", given("hush"))
    };
    let databases =
        Postgres::new("t1", LIMITS).with_node(&Node::blue(), host, server.port(), login);
    let sql = Sql::new("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    let rows = databases.query(&at("postgres"), &sql).await?;
    Ok(rows.one().and_then(|row| row.get("ssl")).expect("a row"))
}

#[tokio::test]
async fn each_mode_means_what_libpq_means_by_it() {
    use SslMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
    let authority = Authority::new();
    let server = server(&authority).await;
    let (ca, other) = (authority.file("ca.pem"), authority.file("other.pem"));
    let (ca, other) = (Some(ca.as_path()), Some(other.as_path()));
    let cases = [
        (Disable, "localhost", None, Some(false)),
        (Prefer, "localhost", None, Some(true)),
        (Require, "localhost", None, Some(true)),
        // With a CA file `require` checks the chain.
        (Require, "localhost", other, None),
        (VerifyCa, "localhost", ca, Some(true)),
        (VerifyCa, "127.0.0.1", ca, Some(true)),
        (VerifyCa, "localhost", other, None),
        // Without a file it is the RDS roots, which do not know the test's.
        (VerifyCa, "localhost", None, None),
        (VerifyFull, "localhost", ca, Some(true)),
        (VerifyFull, "127.0.0.1", ca, None),
        (VerifyFull, "localhost", other, None),
        // Neither the system's CAs nor the RDS roots know the test's.
        (VerifyFull, "localhost", None, None),
    ];
    for (mode, host, root, encrypted) in cases {
        let found = connect(&server, host, mode, root).await;
        match (found, encrypted) {
            (Ok(found), Some(wanted)) => assert_eq!(found, wanted, "{mode:?} {host}"),
            (Err(error), None) => {
                assert_eq!(error.kind, DbErrorKind::Connect);
                let whole = format!("{error} {:?}", error.detail);
                assert!(whole.contains("certificate"), "{mode:?} {host}: {whole}");
            }
            (found, wanted) => panic!("{mode:?} {host} {root:?}: {found:?}, wanted {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = Cluster::builder(&install())
        .password("hush".to_owned().into())
        .start()
        .await
        .expect("a server");
    let plain = connect(&server, "127.0.0.1", SslMode::Prefer, None).await;
    assert!(!plain.expect("prefer goes without"));
    let error = connect(&server, "127.0.0.1", SslMode::Require, None).await;
    let error = error.expect_err("no TLS");
    assert!(error.message.contains("does not support TLS"), "{error}");
}

#[tokio::test]
async fn a_ca_file_that_is_missing_or_empty_is_named() {
    let authority = Authority::new();
    let server = server(&authority).await;
    let empty = authority.file("ext");
    for path in [Path::new("/nonexistent/ca.pem"), &empty] {
        let error = connect(&server, "localhost", SslMode::VerifyFull, Some(path)).await;
        let error = error.expect_err("no CA");
        assert!(
            error.message.contains(&path.display().to_string()),
            "{error}"
        );
    }
}
