use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A server of the run, by the name the operator knows it under: `BLUE`, `GREEN`, or a host or member name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Node(Arc<str>);

impl Node {
    /// A server by name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The current server.
    #[must_use]
    pub fn blue() -> Self {
        Self::new("BLUE")
    }

    /// The next server.
    #[must_use]
    pub fn green() -> Self {
        Self::new("GREEN")
    }

    /// The name as shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One database on one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The server.
    pub node: Node,
    /// The database on it.
    pub database: String,
}

impl Place {
    /// The database `database` on `node`.
    #[must_use]
    pub fn new(node: Node, database: &str) -> Self {
        Self {
            node,
            database: database.to_owned(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {}", self.node, self.database)
    }
}
