use serde_json::Value;

use crate::support::{CUT_OVER, GREEN, Lab, PARKED, ROLL_BACK, ROLLED_BACK, TO_THE_CUTOVER};

const WHOLE: &str = "0 lost, 0 doubled";

fn report(lab: &Lab, format: &str) -> String {
    let output = std::process::Command::new(crate::support::program())
        .args(["report", &lab.newest_run(), "--format", format])
        .env("GREENLIGHT_RUNS", lab.runs())
        .output()
        .expect("greenlight");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What the canary saw of the write pause that was the last so far.
fn seen(lab: &Lab) -> Value {
    let report: Value = serde_json::from_str(&report(lab, "json")).expect("JSON");
    let pauses = report["pauses"].as_array().expect("pauses");
    pauses.last().expect("a pause")["canary"].clone()
}

#[tokio::test]
async fn an_application_sees_both_pauses_and_loses_nothing() {
    let lab = Lab::up(2).await;
    lab.cut_over()
        .await
        .saying("an application saw ")
        .saying(WHOLE);
    let there = seen(&lab);
    let back = lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    back.saying("an application saw ").saying(WHOLE);
    for seen in [there, seen(&lab)] {
        assert!(seen["pause_us"].as_u64() > Some(0), "{seen}");
        assert!(seen["acknowledged"].as_u64() > Some(9), "{seen}");
        assert_eq!((&seen["lost"], &seen["doubled"]), (&0.into(), &0.into()));
    }
    for format in ["md", "html"] {
        let report = report(&lab, format);
        for step in ["cutover.switch", "rollback.switch"] {
            let words = format!("{step}: an application saw ");
            assert!(report.contains(&words), "{format}: no {words:?}");
        }
    }
    lab.assert_nothing_lost().await;
}

/// GREEN drops one half of the canary's rows on their way in and writes the other half twice.
const DAMAGE: &str = "
    CREATE FUNCTION greenlight.damage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_trigger_depth() = 1 THEN
            IF NEW.seq % 2 = 0 THEN RETURN NULL; END IF;
            INSERT INTO greenlight.canary VALUES (NEW.run, NEW.seq, NEW.at);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER damage BEFORE INSERT ON greenlight.canary FOR EACH ROW EXECUTE FUNCTION greenlight.damage();
    ALTER TABLE greenlight.canary ENABLE REPLICA TRIGGER damage";
const MEND: &str = "DROP TRIGGER damage ON greenlight.canary; DROP FUNCTION greenlight.damage()";

#[tokio::test]
async fn what_is_lost_or_doubled_is_counted_and_a_canary_that_cannot_fly_stops_nothing() {
    let lab = Lab::up(2).await;
    let endpoint = std::fs::read_to_string(lab.dir().join("endpoint")).expect("endpoint");
    let own = lab.dir().join("canary-url");
    std::fs::write(&own, endpoint).expect("file");
    let theirs = lab.dir().join("endpoint").display().to_string();
    lab.edit_profile(&theirs, &own.display().to_string());
    lab.run(&TO_THE_CUTOVER).await.with(PARKED);
    let green = lab.connect(GREEN, "shop").await;
    green.batch_execute(DAMAGE).await.expect("damage");

    // Nobody points this file at GREEN, so the canary knocks at BLUE for good.
    let ended = lab.resume(&[CUT_OVER], None).await.with(PARKED);
    ended
        .saying("the canary brought no row through after the pause")
        .saying("an application saw no end of the pause")
        .saying("finish.unlink  waits for the phrase");
    let seen = seen(&lab);
    assert!(seen["lost"].as_u64() > Some(0), "{seen}");
    assert!(seen["doubled"].as_u64() > Some(0), "{seen}");
    green.batch_execute(MEND).await.expect("mended");

    std::fs::write(&own, "postgresql://shop_app:wrong@127.0.0.1:1/shop").expect("file");
    let back = lab.roll_back(&[ROLL_BACK], None).await.with(ROLLED_BACK);
    back.saying("what an application sees of the pause will not be measured: no connection to");
    assert_eq!(self::seen(&lab), Value::Null);
    lab.assert_nothing_lost().await;
}
