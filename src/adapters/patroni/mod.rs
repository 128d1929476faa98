//! Patroni behind `ports::PatroniApi`: its REST API over HTTP or TLS, each member by its own address.
//!
//! Never sends an order twice. Versions 3 and 4 word roles and states differently; `read` knows both.

mod http;
mod read;

use std::collections::BTreeMap;

use async_trait::async_trait;
use hyper::Method;
use serde_json::{Value, json};

pub use self::http::Access;
use self::http::{Answer, Client};
use crate::domain::Node;
use crate::ports::{
    Cluster, MemberStatus, PatroniApi, PatroniError, PatroniErrorKind, Role, Timeline,
};

/// The members of a cluster, each under the URL of its REST API.
pub struct PatroniRest {
    client: Client,
    urls: BTreeMap<String, String>,
}

impl PatroniRest {
    /// The members by name with their URLs, `http://10.0.0.11:8008`.
    pub fn new(urls: BTreeMap<String, String>, access: &Access) -> Result<Self, PatroniError> {
        Ok(Self {
            client: Client::new(access)?,
            urls,
        })
    }

    async fn call(
        &self,
        member: &Node,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, PatroniError> {
        let error = |kind, reason| PatroniError {
            member: member.to_string(),
            kind,
            reason,
        };
        let Some(url) = self.urls.get(member.as_str()) else {
            let reason = "the profile has no section for it under [nodes]".to_owned();
            return Err(error(PatroniErrorKind::Unreachable, reason));
        };
        self.client
            .call(
                method,
                &format!("{}{path}", url.trim_end_matches('/')),
                body,
            )
            .await
            .map_err(|(kind, reason)| error(kind, reason))
    }

    async fn get(&self, member: &Node, path: &str) -> Result<Value, PatroniError> {
        let answer = self.call(member, Method::GET, path, None).await?;
        answer.fine(member)?.json(member)
    }

    async fn order(
        &self,
        member: &Node,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), PatroniError> {
        let answer = self.call(member, method, path, body).await?;
        answer.fine(member).map(drop)
    }
}

#[async_trait]
impl PatroniApi for PatroniRest {
    async fn cluster(&self, member: &Node) -> Result<Cluster, PatroniError> {
        read::cluster(&self.get(member, "/cluster").await?).map_err(|reason| unread(member, reason))
    }

    async fn status(&self, member: &Node) -> Result<MemberStatus, PatroniError> {
        // 503 where it is no healthy leader or replica: its words are the same.
        let answer = self.call(member, Method::GET, "/patroni", None).await?;
        read::status(&answer.json(member)?).map_err(|reason| unread(member, reason))
    }

    async fn config(&self, member: &Node) -> Result<Value, PatroniError> {
        self.get(member, "/config").await
    }

    async fn history(&self, member: &Node) -> Result<Vec<Timeline>, PatroniError> {
        read::history(&self.get(member, "/history").await?).map_err(|reason| unread(member, reason))
    }

    async fn serves_as(&self, member: &Node, role: Role) -> Result<bool, PatroniError> {
        let path = match role {
            Role::Primary => "/primary",
            Role::SyncStandby => "/synchronous",
            Role::Replica | Role::Other => "/replica",
        };
        let answer = self.call(member, Method::GET, path, None).await?;
        Ok(answer.status == 200)
    }

    async fn patch_config(&self, member: &Node, change: &Value) -> Result<(), PatroniError> {
        self.order(member, Method::PATCH, "/config", Some(change))
            .await
    }

    async fn reload(&self, member: &Node) -> Result<(), PatroniError> {
        self.order(member, Method::POST, "/reload", Some(&json!({})))
            .await
    }

    async fn reinitialize(&self, member: &Node) -> Result<(), PatroniError> {
        let force = json!({"force": true});
        self.order(member, Method::POST, "/reinitialize", Some(&force))
            .await
    }
}

fn unread(member: &Node, reason: String) -> PatroniError {
    PatroniError {
        member: member.to_string(),
        kind: PatroniErrorKind::Unread,
        reason,
    }
}
