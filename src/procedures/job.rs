use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::domain::{Conninfo, Node, Place};
use crate::inspect::ObjectDiff;
use crate::profile::BlueGreen;
use crate::runbook::{FactKey, Facts, StepError};

/// Host the tool reaches a node under; learnt when the node is first described.
pub const HOST: FactKey<String> = FactKey::new("host");
/// Port the tool reaches a node under.
pub const PORT: FactKey<u16> = FactKey::new("port");

/// What a run is about, shared by all its steps: the profile, the run, and the names of what it creates.
pub struct Job {
    /// The profile.
    pub profile: Arc<BlueGreen>,
    /// The run's id.
    pub run: String,
    /// The replication role's password; `None` leaves it to a passfile on the servers.
    pub replication_password: Option<SecretString>,
    /// The run's folder, once there is one.
    pub dir: Option<PathBuf>,
    /// Where the object diff goes for whoever looks on.
    pub objects: watch::Sender<Option<Arc<ObjectDiff>>>,
}

/// Which way a link runs: from the publisher to the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// BLUE publishes, GREEN subscribes.
    Forward,
    /// GREEN publishes, BLUE subscribes: the way back.
    Reverse,
}

impl Job {
    /// A job; the object diff can be watched through the receiver.
    #[must_use]
    pub fn new(
        profile: Arc<BlueGreen>,
        run: &str,
        replication_password: Option<SecretString>,
        dir: Option<&Path>,
    ) -> (Arc<Self>, watch::Receiver<Option<Arc<ObjectDiff>>>) {
        let (objects, seen) = watch::channel(None);
        (
            Arc::new(Self {
                profile,
                run: run.to_owned(),
                replication_password,
                dir: dir.map(Path::to_owned),
                objects,
            }),
            seen,
        )
    }

    /// The databases that move, on one node.
    #[must_use]
    pub fn places(&self, node: &Node) -> Vec<Place> {
        self.profile.places(node)
    }

    /// Where statements about the whole server go: the first database.
    #[must_use]
    pub fn server(&self, node: &Node) -> Place {
        Place::new(node.clone(), &self.profile.databases[0])
    }

    /// The RDS identifier of a node.
    #[must_use]
    pub fn instance(&self, node: &Node) -> &str {
        self.profile.instance(node)
    }

    /// The schema of the fence and probe tables.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.profile.names.schema
    }

    /// The publication, of the same name on both sides.
    #[must_use]
    pub fn publication(&self) -> &str {
        &self.profile.names.publication
    }

    /// The subscription of a link.
    #[must_use]
    pub fn subscription(&self, direction: Direction) -> String {
        match direction {
            Direction::Forward => self.profile.names.subscription.clone(),
            Direction::Reverse => self.profile.names.reverse_subscription(),
        }
    }

    /// The slot of a link for one database.
    #[must_use]
    pub fn slot(&self, direction: Direction, database: &str) -> String {
        match direction {
            Direction::Forward => self.profile.names.forward_slot(database, &self.run),
            Direction::Reverse => self.profile.names.reverse_slot(database, &self.run),
        }
    }

    /// What marks an object as this run's, in comments and tags.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("greenlight run {}", self.run)
    }

    /// An error when an object of our name does not carry our mark: another run or somebody else made it. `what` is also
    /// its key under `[names]`.
    pub fn refuse_foreign(
        &self,
        at: &Place,
        what: &str,
        name: &str,
        mark: Option<&str>,
    ) -> Result<(), StepError> {
        if mark == Some(&self.mark()) {
            return Ok(());
        }
        Err(StepError::Stop(format!(
            "{at}: a {what} {name:?} exists that this run did not make ({}). Nothing was changed. Finish or roll back the \
             run it belongs to, or choose another name under [names] {what}.",
            mark.unwrap_or("it carries no comment"),
        )))
    }

    /// The phrase that names a server and a verb: `cut over shop-prod-blue`.
    #[must_use]
    pub fn phrase(&self, verb: &str) -> String {
        format!("{verb} {}", self.profile.blue.identifier)
    }

    /// The connection string by which the other side reaches `node`.
    #[must_use]
    pub fn conninfo(&self, node: &Node, database: &str, facts: &Facts) -> Conninfo {
        let host = facts.get(&HOST.of(node.as_str()));
        let address = host.zip(facts.get(&PORT.of(node.as_str())));
        self.profile.replication_conninfo(
            node,
            address,
            database,
            self.replication_password.clone(),
        )
    }
}

impl Direction {
    /// Who publishes.
    #[must_use]
    pub fn publisher(self) -> Node {
        match self {
            Self::Forward => Node::blue(),
            Self::Reverse => Node::green(),
        }
    }

    /// Who subscribes.
    #[must_use]
    pub fn subscriber(self) -> Node {
        match self {
            Self::Forward => Node::green(),
            Self::Reverse => Node::blue(),
        }
    }

    /// The same for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward link",
            Self::Reverse => "reverse link",
        }
    }
}
