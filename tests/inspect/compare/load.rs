use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use greenlight::domain::{Node, Place};
use greenlight::inspect::compare::{RowVerdict, compare};
use greenlight::inspect::{CompareOptions, CompareWatcher, InspectError};
use greenlight::rehearsal::Cluster;
use tokio::task::JoinHandle;

use super::{Pair, options, rows, table, unequal};

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, v int NOT NULL, note text);
    CREATE TABLE counter (id int PRIMARY KEY, n bigint);
    CREATE TABLE log (at timestamptz, what text);
    ALTER TABLE log REPLICA IDENTITY FULL;
    CREATE TABLE quiet (id int PRIMARY KEY, v text)";
const ROWS: &str = "
    INSERT INTO accounts SELECT i, 0, 'n' || i FROM generate_series(1, 100000) i;
    INSERT INTO counter VALUES (1, 0);
    INSERT INTO log SELECT '2024-01-01', 'old' || i FROM generate_series(1, 3000) i;
    INSERT INTO quiet SELECT i, 'q' FROM generate_series(1, 5000) i";

/// Writers on one side that leave the first thousand accounts alone.
struct Writers {
    stop: Arc<AtomicBool>,
    commits: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    async fn start(on: &Cluster) -> Self {
        let (stop, commits) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let mut tasks = Vec::new();
        for writer in 0..3 {
            let client = on.connect("postgres").await.expect("a writer");
            let (stop, commits) = (Arc::clone(&stop), Arc::clone(&commits));
            tasks.push(tokio::spawn(async move {
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = 1001 + (turn * 7919 + writer * 31) % 99_000;
                    let statement = format!(
                        "UPDATE accounts SET v = v + 1 WHERE id = {id}; UPDATE counter SET n = n + 1;
                         INSERT INTO accounts VALUES ({new}, 0, 'new'); INSERT INTO log VALUES (clock_timestamp(), 'w{writer}');
                         DELETE FROM accounts WHERE id = {new} - 40",
                        new = 1_000_000 + turn * 4 + writer,
                    );
                    client.simple_query(&statement).await.expect("a commit");
                    commits.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }));
        }
        Self {
            stop,
            commits,
            tasks,
        }
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a writer's end");
        }
        self.commits.load(Ordering::Relaxed)
    }
}

/// A pair whose GREEN follows BLUE, or the other way round.
async fn linked(forward: bool) -> Pair {
    let pair = Pair::start(15, 17).await;
    pair.both(SCHEMA).await;
    let (source, target) = ends(&pair, forward);
    source.sql("postgres", ROWS).await.expect("rows");
    source
        .sql("postgres", "CREATE PUBLICATION p FOR ALL TABLES")
        .await
        .expect("a publication");
    let subscribe = format!(
        "CREATE SUBSCRIPTION s CONNECTION 'host={} port={} user={} dbname=postgres' PUBLICATION p",
        source.socket_dir().display(),
        source.port(),
        source.superuser()
    );
    target
        .sql("postgres", &subscribe)
        .await
        .expect("a subscription");
    let copied = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'";
    let mut left = String::new();
    for _ in 0..600 {
        left = target.value("postgres", copied).await.expect("states");
        if left == "0" {
            return pair;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{left} tables were not copied");
}

fn ends(pair: &Pair, forward: bool) -> (&Cluster, &Cluster) {
    if forward {
        (&pair.blue, &pair.green)
    } else {
        (&pair.green, &pair.blue)
    }
}

/// Damages the follower, compares under load, and wants exactly the damage.
async fn under_load(forward: bool) {
    let pair = linked(forward).await;
    let (source, target) = ends(&pair, forward);
    let writers = Writers::start(source).await;
    let found = pair.compare(&options()).await;
    for table in &found.tables {
        assert!(!table.is_different(), "{table:?}");
    }
    target
        .sql(
            "postgres",
            "UPDATE accounts SET note = 'bad' WHERE id = 500; DELETE FROM accounts WHERE id = 501;
             INSERT INTO accounts VALUES (-1, 0, 'bad'); UPDATE log SET what = 'bad' WHERE what = 'old7';
             UPDATE quiet SET v = '' WHERE id = 4",
        )
        .await
        .expect("the damage");
    let found = pair.compare(&options()).await;
    let commits = writers.end().await;
    assert!(commits > 20, "{commits} commits are no load");
    let (lost, extra) = if forward {
        (RowVerdict::MissingOnGreen, RowVerdict::MissingOnBlue)
    } else {
        (RowVerdict::MissingOnBlue, RowVerdict::MissingOnGreen)
    };
    let row = |key: &str, columns: &str, verdict| (key.to_owned(), columns.to_owned(), verdict);
    assert_eq!(
        rows(table(&found, "accounts")),
        [
            row(r#"{"id":-1}"#, "", extra),
            row(r#"{"id":500}"#, "note", RowVerdict::Differs),
            row(r#"{"id":501}"#, "", lost),
        ]
    );
    assert_eq!(
        rows(table(&found, "log")),
        [
            row(r#"{"at":"2024-01-01 00:00:00+00","what":"bad"}"#, "", extra),
            row(r#"{"at":"2024-01-01 00:00:00+00","what":"old7"}"#, "", lost),
        ]
    );
    assert_eq!(
        rows(table(&found, "quiet")),
        [row(r#"{"id":4}"#, "v", RowVerdict::Differs)]
    );
    assert_eq!(table(&found, "counter").differing, []);

    // Once the writers rest nothing is left open, and the counter is level.
    let found = pair.compare(&options()).await;
    assert_eq!(unequal(&found), ["accounts", "log", "quiet"]);
    assert!(
        found.tables.iter().all(|table| table.undecided == 0),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_exactly_the_damaged_rows_are_found() {
    under_load(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_cutover_the_link_runs_the_other_way() {
    under_load(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_is_not_called_different_and_a_link_that_stands_still_is_an_error() {
    let pair = linked(true).await;
    let blocker = pair.green.connect("postgres").await.expect("a session");
    blocker
        .batch_execute("BEGIN; LOCK TABLE quiet IN SHARE MODE")
        .await
        .expect("a lock that apply waits for");
    pair.on_blue("UPDATE quiet SET v = 'late'").await;
    let impatient = CompareOptions {
        marker_limit: Duration::from_millis(500),
        ..options()
    };
    let error = pair
        .try_compare(&impatient)
        .await
        .expect_err("a link that waits");
    assert!(
        error.to_string().contains("was not applied on the other"),
        "{error}"
    );

    let patient = options();
    let (found, ()) = tokio::join!(pair.compare(&patient), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        blocker
            .batch_execute("COMMIT")
            .await
            .expect("the lock is let go");
    });
    assert_eq!(unequal(&found), [""; 0], "{found:?}");
}

/// Asks to stop as soon as something is under way.
#[derive(Default)]
struct Impatient(AtomicBool);

impl CompareWatcher for Impatient {
    fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn progress(&self, _text: &str, _share: Option<f64>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_leaves_no_statement_behind_and_no_lock_is_waited_for_long() {
    let pair = Pair::start(15, 17).await;
    pair.both("CREATE TABLE t (id int PRIMARY KEY)").await;
    let holder = pair.green.connect("postgres").await.expect("a session");
    holder
        .batch_execute("BEGIN; LOCK TABLE t")
        .await
        .expect("a lock");
    let place = |node| Place::new(node, "postgres");
    let (blue, green) = (place(Node::blue()), place(Node::green()));
    let stopped = compare(
        &pair.databases,
        (&blue, &green),
        &options(),
        &Impatient::default(),
    )
    .await;
    assert!(matches!(stopped, Err(InspectError::Stopped)), "{stopped:?}");
    let running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'greenlight:%'";
    for _ in 0..100 {
        if pair
            .green
            .value("postgres", running)
            .await
            .expect("activity")
            == "0"
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        pair.green
            .value("postgres", running)
            .await
            .expect("activity"),
        "0"
    );

    let found = pair.compare(&options()).await;
    assert_eq!(unequal(&found), ["t"]);
    let problem = table(&found, "t").problem.clone().unwrap_or_default();
    assert!(problem.contains("lock timeout"), "{problem}");
}
