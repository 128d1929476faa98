use std::time::Duration;

use crate::domain::ByteSize;
use crate::profile::{
    BlueGreen, Budgets, Compare, Connection, Fence, Green, Hooks, Names, PasswordSource, Rds,
    Replication, ServerAddress, SslMode, Thresholds,
};

/// A small profile that leaves all it can to BLUE.
pub(super) fn profile() -> BlueGreen {
    let server = |identifier: &str| ServerAddress {
        identifier: identifier.to_owned(),
        host: None,
        port: None,
    };
    let minute = Duration::from_secs(60);
    BlueGreen {
        path: "shop.toml".into(),
        text: String::new(),
        name: "shop".to_owned(),
        blue: server("shop-blue"),
        acknowledged: Vec::new(),
        blue_after: crate::profile::BlueAfter::default(),
        green: Green {
            address: server("shop-green"),
            engine_version: "17.10".to_owned(),
            ..Green::default()
        },
        rds: Rds {
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            snapshot_prefix: "greenlight-shop".to_owned(),
            ..Rds::default()
        },
        connection: Connection {
            user: "admin".to_owned(),
            password: PasswordSource::None,
            sslmode: SslMode::Disable,
            sslrootcert: None,
            connect_timeout: minute,
            statement_timeout: minute,
            lock_timeout: minute,
        },
        replication: Replication {
            role: "greenlight_replication".to_owned(),
            password: PasswordSource::None,
            sslmode: SslMode::Disable,
            sslrootcert: None,
            blue_host: None,
            blue_port: None,
            green_host: None,
            green_port: None,
        },
        databases: vec!["shop".to_owned()],
        schemas: Vec::new(),
        fence: Fence::default(),
        budgets: Budgets {
            write_pause: minute,
            drain: minute,
            lag_to_enter: ByteSize(1 << 20),
            longest_transaction: minute,
            snapshot: minute,
            upgrade: minute,
            restore: minute,
            catch_up: minute,
            slot: minute,
        },
        thresholds: Thresholds {
            wal_retained: ByteSize(1 << 30),
            wal_space: None,
            hours_until_full: 2.0,
            slot_room: ByteSize(1 << 20),
            lag_growing: minute,
            schema_every: minute,
        },
        canary: None,
        compare: Compare::default(),
        hooks: Hooks::default(),
        names: Names {
            schema: "greenlight".to_owned(),
            publication: "greenlight".to_owned(),
            slot: "greenlight".to_owned(),
            subscription: "greenlight".to_owned(),
        },
    }
}
