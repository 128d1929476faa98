use greenlight::inspect::sequences::{differing, read, set_statement};

use crate::{cluster, session};

const SEQUENCES: &str = r#"
    CREATE SCHEMA "Sh op";
    CREATE SEQUENCE "Sh op"."it's ""x"" {a}" INCREMENT -1;
    CREATE SEQUENCE never_called START 7;
    CREATE SEQUENCE restarted;
    CREATE SEQUENCE "Cycling" MAXVALUE 3 CYCLE;
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n serial);
    CREATE SCHEMA greenlight; CREATE SEQUENCE greenlight.ours;"#;

const CALLS: &str = r#"
    SELECT nextval('"Sh op"."it''s ""x"" {a}"') FROM generate_series(1, 5);
    SELECT nextval('"Cycling"') FROM generate_series(1, 4);
    INSERT INTO t (n) SELECT nextval('t_n_seq') FROM generate_series(1, 9);
    ALTER SEQUENCE restarted RESTART WITH 4711"#;

#[tokio::test]
async fn sequences_are_equal_after_the_batch() {
    for (blue, green) in [(13, 18), (15, 17), (18, 15)] {
        let (blue, green) = tokio::join!(cluster(blue), cluster(green));
        for side in [&blue, &green] {
            side.sql("postgres", SEQUENCES).await.expect("sequences");
        }
        blue.sql("postgres", CALLS).await.expect("calls");
        let (blue, green) = (session(&blue).await, session(&green).await);
        let source = read(blue.as_ref(), "greenlight").await.expect("read");
        assert_eq!(source.len(), 6);
        let before = read(green.as_ref(), "greenlight").await.expect("read");
        assert_eq!(differing(&source, &before).len(), 5);
        let rows = green.query(&set_statement(&source)).await.expect("set");
        assert_eq!(rows.one().expect("a row").get("sequences"), Ok(6_i64));
        let after = read(green.as_ref(), "greenlight").await.expect("read");
        assert_eq!(differing(&source, &after), []);
        let restarted = after.iter().find(|s| s.name == "restarted").expect("it");
        assert_eq!((restarted.last_value, restarted.is_called), (4711, false));
    }
}

#[tokio::test]
async fn a_missing_sequence_fails_the_whole_batch_and_none_is_well() {
    let server = cluster(15).await;
    server
        .sql("postgres", "CREATE SEQUENCE a")
        .await
        .expect("a");
    let session = session(&server).await;
    let mut states = read(session.as_ref(), "greenlight").await.expect("read");
    states[0].last_value = 5;
    let mut with_missing = states.clone();
    with_missing.push(greenlight::inspect::SequenceState {
        name: "missing".to_owned(),
        ..states[0].clone()
    });
    let refused = session.query(&set_statement(&with_missing)).await;
    assert!(refused.is_err_and(|error| error.is("42P01")));
    let rows = session
        .query(&set_statement(&[]))
        .await
        .expect("nothing to set");
    assert_eq!(rows.one().expect("a row").get("sequences"), Ok(0_i64));
}
