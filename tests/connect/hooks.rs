use std::sync::Mutex;
use std::time::Duration;

use greenlight::adapters::LocalCommands;
use greenlight::ports::{CommandError, CommandOutput, CommandSpec, Commands};

const AMPLE: Duration = Duration::from_secs(60);

fn script(text: &str, limit: Duration) -> CommandSpec {
    CommandSpec {
        argv: ["sh", "-c", text].map(str::to_owned).to_vec(),
        env: vec![("GREENLIGHT_EVENT".to_owned(), "parked".to_owned())],
        input: None,
        limit,
    }
}

/// Runs a script; its lines as they were handed over, and its end.
async fn run(text: &str, limit: Duration) -> (Vec<String>, Result<CommandOutput, CommandError>) {
    let heard = Mutex::new(Vec::new());
    let hear = |line: &str| heard.lock().expect("unpoisoned").push(line.to_owned());
    let hooks = LocalCommands::without(vec!["PATH_THAT_IS_NOT_SET".to_owned(), "HOME".to_owned()]);
    let ended = hooks.run(&script(text, limit), &hear).await;
    (heard.into_inner().expect("unpoisoned"), ended)
}

/// True once the process is gone or only waits to be reaped.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

async fn wait_until_gone(pid: &str) {
    while !is_gone(pid) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_hook_tells_line_by_line_and_its_exit_code() {
    let text = "echo \"$GREENLIGHT_EVENT ${HOME-hidden}\"; printf 'no end \\377' >&2; exit 7";
    let (mut heard, ended) = run(text, AMPLE).await;
    heard.sort();
    assert_eq!(heard, ["no end \u{fffd}", "parked hidden"]);
    let ended = ended.expect("it ended by itself");
    assert_eq!(ended.code, Some(7));
    assert!(ended.output.contains("parked hidden"), "{}", ended.output);
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_with_all_it_started() {
    let text = "sleep 600 & echo $!; echo $$; wait";
    let (heard, ended) = run(text, Duration::from_secs(2)).await;
    let error = ended.expect_err("it hangs");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    assert_eq!(heard.len(), 2);
    for pid in &heard {
        assert!(error.to_string().contains(pid), "{error}");
        wait_until_gone(pid).await;
    }
}

#[tokio::test]
async fn what_a_hook_leaves_behind_neither_holds_it_up_nor_survives_it() {
    let (heard, ended) = run("sleep 600 & echo $!", AMPLE).await;
    assert_eq!(ended.expect("it ended by itself").code, Some(0));
    wait_until_gone(&heard[0]).await;
}

#[tokio::test]
async fn a_caller_that_stops_waiting_ends_the_hook() {
    let heard = Mutex::new(None);
    let hear = |line: &str| *heard.lock().expect("unpoisoned") = Some(line.to_owned());
    let hooks = LocalCommands::default();
    let command = script("echo $$; sleep 600", AMPLE);
    let started = async {
        while heard.lock().expect("unpoisoned").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        ended = hooks.run(&command, &hear) => panic!("it ended: {ended:?}"),
        () = started => {}
    }
    let pid = heard.lock().expect("unpoisoned").take().expect("its id");
    wait_until_gone(&pid).await;
}

#[tokio::test]
async fn only_the_last_of_much_output_is_kept() {
    let text = "i=0; while [ $i -lt 9000 ]; do echo line $i; i=$((i+1)); done";
    let (heard, ended) = run(text, AMPLE).await;
    assert_eq!(heard.len(), 9000);
    let output = ended.expect("it ended by itself").output;
    assert!(output.len() <= 64 * 1024 && output.ends_with("line 8999"));
    assert!(!output.contains("line 0\n"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let command = CommandSpec {
        argv: vec!["/nonexistent/hook".to_owned()],
        env: Vec::new(),
        input: None,
        limit: AMPLE,
    };
    let ended = LocalCommands::default().run(&command, &|_| {}).await;
    let error = ended.expect_err("no such program").to_string();
    assert!(error.contains("/nonexistent/hook"), "{error}");
}
