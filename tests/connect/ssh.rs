//! Commands over a real sshd on loopback.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use greenlight::adapters::{LocalCommands, ProfileHosts};
use greenlight::domain::Node;
use greenlight::ports::{CommandError, CommandOutput, CommandSpec, Hosts as _};
use greenlight::profile::{Host, Via};
use tempfile::TempDir;

const AMPLE: Duration = Duration::from_secs(60);
const SSHD: &str = "/usr/sbin/sshd";

/// An ssh server of its own, with keys for it and a configuration for its clients.
struct Server {
    folder: TempDir,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn made(program: &str, args: &[&str]) {
    let ended = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .status();
    assert!(ended.expect("it starts").success(), "{program} {args:?}");
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().to_owned();
        let at = |name: &str| dir.join(name).display().to_string();
        for key in ["host", "user"] {
            made(
                "ssh-keygen",
                &["-q", "-t", "ed25519", "-N", "", "-f", &at(key)],
            );
        }
        fs::copy(dir.join("user.pub"), dir.join("authorized")).expect("a copy");
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        };
        // As root sshd wants this folder, which no service has made here.
        let _ = fs::create_dir_all("/run/sshd");
        let text = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nLogLevel VERBOSE\n",
            at("host"),
            at("authorized"),
        );
        fs::write(dir.join("sshd_config"), text).expect("its configuration");
        let log = fs::File::create(dir.join("log")).expect("a log");
        let process = Command::new(SSHD)
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("openssh-server is installed");
        let server = Self { folder, process };
        server.knows(
            &fs::read_to_string(server.path("host.pub")).expect("its key"),
            port,
        );
        let text = format!(
            "Host pg1\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n",
            at("user"),
            at("known"),
        );
        fs::write(server.path("config"), text).expect("the clients' configuration");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Has clients know the server by this key.
    fn knows(&self, key: &str, port: u16) {
        fs::write(self.path("known"), format!("[127.0.0.1]:{port} {key}")).expect("known hosts");
    }

    fn hosts(&self) -> ProfileHosts {
        let host = Host {
            via: Via::Ssh {
                destination: "pg1".to_owned(),
                config: Some(self.path("config")),
            },
            root: Vec::new(),
            owner: Vec::new(),
        };
        ProfileHosts::new([(Node::new("pg1"), &host)], &LocalCommands::default())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("its log")
    }
}

fn command(argv: &[&str]) -> CommandSpec {
    CommandSpec::new(argv.iter().map(|&word| word.to_owned()).collect(), AMPLE)
}

async fn run(hosts: &ProfileHosts, spec: &CommandSpec) -> Result<CommandOutput, CommandError> {
    hosts.run(&Node::new("pg1"), spec, &|_| {}).await
}

#[tokio::test]
async fn words_output_input_and_exit_code_come_through_as_they_are() {
    let server = Server::start().await;
    let hosts = server.hosts();
    let hostile = [
        "$(id)",
        "a'b \"c\\",
        "",
        ";exit 3",
        "*",
        "~root",
        "zwei\u{fc}",
    ];
    let said = run(
        &hosts,
        &command(&[&["printf", "<%s>\n"][..], &hostile[..]].concat()),
    )
    .await;
    let expected: Vec<_> = hostile.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(said.expect("it ran").stdout, expected.join("\n"));

    let mut fed = command(&["cat"]);
    fed.input = Some("quiet\nsecret".into());
    fed.env = vec![("A B".to_owned(), "1".to_owned())];
    assert_eq!(
        run(&hosts, &fed).await.expect("it ran").stdout,
        "quiet\nsecret"
    );

    let heard = Mutex::new(Vec::new());
    let hear = |line: &str| heard.lock().expect("unpoisoned").push(line.to_owned());
    let spec = command(&["sh", "-c", "echo out; echo err >&2; exit 7"]);
    let ended = hosts
        .run(&Node::new("pg1"), &spec, &hear)
        .await
        .expect("it ran");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(7), "out"));
    let mut heard = heard.into_inner().expect("unpoisoned");
    heard.sort();
    assert_eq!(heard, ["err", "out"]);

    let logins = server.log().matches("Accepted publickey").count();
    assert_eq!(
        logins,
        1,
        "one connection for all commands: {}",
        server.log()
    );
}

#[tokio::test]
async fn a_command_over_its_limit_is_ended_over_there_too() {
    let server = Server::start().await;
    let hosts = server.hosts();
    let mark = server.path("mark").display().to_string();
    let mut spec = command(&["sh", "-c", "echo $$ > \"$0\"; exec sleep 600", &mark]);
    spec.limit = Duration::from_secs(1);
    let error = run(&hosts, &spec).await.expect_err("it hangs");
    assert!(matches!(error, CommandError::TimedOut { .. }), "{error}");
    let pid = fs::read_to_string(&mark).expect("it had begun");
    assert!(
        !Path::new(&format!("/proc/{}", pid.trim())).exists(),
        "{pid}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_the_outcome_unknown_and_is_opened_again() {
    let server = Server::start().await;
    let hosts = server.hosts();
    run(&hosts, &command(&["true"])).await.expect("it ran");
    let begun = server.path("begun").display().to_string();
    let mut spec = command(&["sh", "-c", "touch \"$0\"; exec sleep 600", &begun]);
    // What is left over there ends by itself.
    spec.limit = Duration::from_secs(5);
    let cut = async {
        while !Path::new(&begun).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // The processes of sessions; the one that listens stays.
        made("pkill", &["-9", "-P", &server.process.id().to_string()]);
    };
    let (ended, ()) = tokio::join!(run(&hosts, &spec), cut);
    let error = ended.expect_err("it was cut");
    assert!(matches!(error, CommandError::Lost { .. }), "{error}");
    run(&hosts, &command(&["true"]))
        .await
        .expect("it is opened again");
}

#[tokio::test]
async fn a_key_that_is_not_known_and_a_host_that_is_not_there_are_refused_before_anything_is_sent()
{
    let server = Server::start().await;
    let config = fs::read_to_string(server.path("config")).expect("configuration");
    let port: u16 = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("Port "))
        .and_then(|port| port.parse().ok())
        .expect("a port");
    server.knows(
        &fs::read_to_string(server.path("user.pub")).expect("a key"),
        port,
    );
    let error = run(&server.hosts(), &command(&["true"]))
        .await
        .expect_err("another key");
    assert!(matches!(error, CommandError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("Host key verification failed"),
        "{error}"
    );

    let config = config.replace(&format!("Port {port}"), "Port 1");
    fs::write(server.path("config"), config).expect("write");
    let error = run(&server.hosts(), &command(&["true"]))
        .await
        .expect_err("nobody there");
    assert!(matches!(error, CommandError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let error = server
        .hosts()
        .run(&Node::new("pg9"), &command(&["true"]), &|_| {})
        .await;
    assert!(matches!(error, Err(CommandError::Unreachable { .. })));
}

/// `sudo -n` for exactly the commands of a sudoers file is what a host allows; here a program stands for it.
#[tokio::test]
async fn the_words_before_a_command_are_the_profiles() {
    let server = Server::start().await;
    let sudo = server.path("sudo");
    fs::write(
        &sudo,
        "#!/bin/sh\n[ \"$1\" = -n ] || exit 9\nshift\necho allowed \"$@\"\n",
    )
    .expect("write");
    fs::set_permissions(&sudo, Permissions::from_mode(0o755)).expect("a mode");
    let host = Host {
        via: Via::Local(Vec::new()),
        root: vec![sudo.display().to_string(), "-n".to_owned()],
        owner: Vec::new(),
    };
    let said = run(
        &server.hosts(),
        &CommandSpec::new(host.as_root(&["ip", "addr"]), AMPLE),
    )
    .await;
    assert_eq!(said.expect("it ran").stdout, "allowed ip addr");
}
