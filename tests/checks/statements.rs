use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use greenlight::adapters::LocalCommands;
use greenlight::adapters::postgres::{Limits, Postgres};
use greenlight::checks::{CheckContext, Moment};
use greenlight::domain::{Node, Place, Sql};
use greenlight::profile::{BlueGreen, parse};
use greenlight::rehearsal::{Cluster, fetch};
use greenlight::runbook::{Facts, World};
use secrecy::ExposeSecret;

use crate::missing::missing;

pub const PROFILE: &str = r#"
procedure = "rds-blue-green"
name = "shop"
databases = ["shop"]
[blue]
identifier = "shop-blue"
[green]
identifier = "shop-green"
engine_version = "17.10"
parameter_group = "shop-17"
[rds]
[connection]
user = "postgres"
password = { env = "UNUSED" }
sslmode = "disable"
[replication]
role = "repl"
password = { env = "UNUSED" }
sslmode = "disable"
[fence]
roles = ["shop_app"]
[thresholds]
wal_space = "1000GB"
"#;

pub fn profile() -> BlueGreen {
    let profile = parse(Path::new("shop.toml"), PROFILE).expect("a sound profile");
    profile.blue_green().expect("of rds-blue-green")
}

pub fn world(databases: Postgres) -> World {
    World {
        databases: Arc::new(databases),
        rds: None,
        hosts: None,
        patroni: None,
        commands: Arc::new(LocalCommands::without(Vec::new())),
    }
}

/// Files by name, each with the first major it is for, and the major from which another file replaces it.
fn files(folder: &str) -> Vec<(String, &'static str, u32, u32)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("the folder of statements") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            continue;
        }
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text: &'static str = std::fs::read_to_string(&path).expect("a statement").leak();
        let (base, from) = match name.rsplit_once("_from_") {
            Some((base, from)) => (base.to_owned(), from.parse().expect("a major")),
            None => (
                name.clone(),
                if name == "decoding-spill" {
                    14
                } else if name == "apply-errors" {
                    15
                } else {
                    10
                },
            ),
        };
        texts.insert((base, from), (name, text));
    }
    let next = |base: &str, from: u32| {
        texts
            .keys()
            .filter(|(b, f)| b == base && *f > from)
            .map(|(_, f)| *f)
            .min()
            .unwrap_or(99)
    };
    texts
        .iter()
        .map(|((base, from), (name, text))| (name.clone(), *text, *from, next(base, *from)))
        .collect()
}

#[tokio::test]
async fn every_statement_runs_on_every_major_it_claims() {
    let (profile, facts) = (profile(), Facts::default());
    let world = world(Postgres::new("r1", Limits::default()));
    let ctx = CheckContext {
        profile: &profile,
        world: &world,
        facts: &facts,
        run: "r1",
        moment: Moment::Gate,
        replication_password: None,
        run_dir: None,
    };
    let place = Place::new(Node::blue(), "shop");
    let (mut failed, mut asked) = (Vec::new(), 0);
    for major in 10..=18 {
        let install = match fetch::server(major, &[], &|_| ()).await {
            Ok(install) => install,
            Err(error) => {
                missing(&format!("PostgreSQL {major} ({error})"));
                continue;
            }
        };
        let cluster = Cluster::builder(&install)
            .setting("wal_level", "logical")
            .start()
            .await
            .expect("a server");
        let fixtures = "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid int, schedule text, database text, username text, \
                        command text, active bool); CREATE TABLE statements (calls int, query text)";
        cluster.sql("postgres", fixtures).await.expect("fixtures");
        let client = cluster.connect("postgres").await.expect("a session");
        client
            .simple_query("SET search_path = pg_catalog")
            .await
            .expect("a setting");
        let of_blue_green = files("assets/sql/checks").into_iter().map(|file| {
            let sql = ctx
                .sql(file.1, &place)
                .literals("names", &["plpgsql"])
                .literals("versions", &["1.0"])
                .statement("statements", Sql::verbatim("public.statements".to_owned()));
            (file, sql)
        });
        let of_others = ["assets/sql/checks/patroni", "assets/sql/checks/vip"];
        let of_others = of_others.into_iter().flat_map(files).map(|file| {
            let sql = Sql::new(file.1)
                .literal("held", "pg3")
                .literal("primary", "10.0.0.11")
                .literal("standby", "pg-b")
                .literal("standby_host", "10.0.0.12")
                .literal("role", "replicator")
                .number("lag", 1)
                .number("longest", 1);
            (file, sql)
        });
        for ((name, _, from, until), sql) in of_blue_green.chain(of_others) {
            if major < from || major >= until {
                continue;
            }
            let wire = sql.wire().expect("every value is known");
            asked += 1;
            if let Err(error) = client.simple_query(wire.expose_secret()).await {
                failed.push(format!("{name} on {major}: {:?}", error.as_db_error()));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(asked > 0, "no server was there to ask");
}
