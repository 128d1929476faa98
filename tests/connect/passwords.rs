use greenlight::adapters::postgres::{Login, Password};
use greenlight::ports::{Databases, DbErrorKind};
use greenlight::profile::PasswordSource;
use greenlight::rehearsal::{Cluster, StopMode};

use super::support::{Sql, as_superuser, at, databases, given, install, run};

/// Every printable character of ASCII, and some beyond.
fn every_character() -> String {
    (' '..='~').chain("äß€漢\u{301}".chars()).collect()
}

async fn guarded() -> Cluster {
    Cluster::builder(&install())
        .password("set at initdb".to_owned().into())
        .start()
        .await
        .expect("a server")
}

#[tokio::test]
async fn every_printable_character_can_be_in_a_password() {
    let mut server = guarded().await;
    let password = every_character();
    // The method md5 takes both kinds of verifier.
    let hba = server.data_dir().join("pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).expect("its rules");
    std::fs::write(&hba, rules.replace("scram-sha-256", "md5")).expect("written");
    server.restart(StopMode::Fast).await.expect("up again");
    let admin = as_superuser(&server);
    for role in ["scram", "md5"] {
        let create = Sql::new(
            "SET password_encryption = {kind}; CREATE ROLE {role} LOGIN PASSWORD {password}",
        );
        let kind = if role == "md5" {
            "md5"
        } else {
            "scram-sha-256"
        };
        let create = create
            .literal("kind", kind)
            .ident("role", role)
            .secret("password", password.clone().into());
        run(&admin, "postgres", create).await;
        let login = Login::local(role, given(&password));
        let mine = databases(&server, login);
        let rows = run(&mine, "postgres", Sql::new("SELECT current_user AS me")).await;
        assert_eq!(rows.one().and_then(|r| r.get("me")), Ok(role.to_owned()));
    }
}

#[tokio::test]
async fn a_passfile_gives_the_password_with_its_own_escapes() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = guarded().await;
    let password = every_character();
    run(
        &as_superuser(&server),
        "postgres",
        Sql::new("CREATE ROLE app LOGIN PASSWORD {p}").secret("p", password.clone().into()),
    )
    .await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("passfile");
    let escaped = password.replace('\\', r"\\").replace(':', r"\:");
    std::fs::write(&path, format!("127.0.0.1:*:postgres:app:{escaped}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("mode");
    let source = PasswordSource::Passfile(Some(path));
    let login = Login::local("app", Password::From(source));
    run(&databases(&server, login), "postgres", Sql::new("SELECT 1")).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such_and_never_shown() {
    let server = guarded().await;
    let login = Login::local("postgres", given("wrong hush"));
    let error = databases(&server, login).shared(&at("postgres")).await;
    let error = error.err().expect("refused");
    assert_eq!(error.kind, DbErrorKind::Connect);
    assert!(error.is("28P01"), "{error:?}");
    assert!(error.message.contains("nothing was sent"), "{error}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    let detail = error.detail.expect("a remedy");
    assert!(detail.contains("password source"), "{detail}");
}

#[tokio::test]
async fn a_password_that_is_asked_for_and_not_had_is_named() {
    let server = guarded().await;
    let source = PasswordSource::Env("GREENLIGHT_NO_SUCH_VARIABLE".to_owned());
    for (password, word) in [
        (Password::From(source), "GREENLIGHT_NO_SUCH_VARIABLE"),
        (Password::From(PasswordSource::None), "password"),
        (Password::From(PasswordSource::Iam), "IAM"),
    ] {
        let login = Login::local("postgres", password);
        let error = databases(&server, login).shared(&at("postgres")).await;
        let error = error.err().expect("refused");
        assert_eq!(error.kind, DbErrorKind::Connect);
        assert!(error.message.contains(word), "{error}");
    }
}

#[tokio::test]
async fn what_a_server_says_about_a_statement_holds_none_of_its_secrets() {
    let server = guarded().await;
    let admin = as_superuser(&server);
    let sql = Sql::new("SELECT 1 FROM nowhere WHERE {secret}::int = 1")
        .secret("secret", "h'us\\h".to_owned().into());
    let error = admin
        .query(&at("postgres"), &sql)
        .await
        .expect_err("no table");
    assert_eq!(error.kind, DbErrorKind::Refused);
    let sql = Sql::new("SELECT {secret}::int").secret("secret", "h'us\\h".to_owned().into());
    let error = admin
        .query(&at("postgres"), &sql)
        .await
        .expect_err("no number");
    assert!(
        error.is("22P02") && error.message.contains("•••"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("us\\"), "{error:?}");
}
