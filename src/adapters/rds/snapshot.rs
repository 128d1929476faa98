use aws_sdk_rds::types::DbSnapshot;

use super::convert::{tags, text, time};
use crate::ports::Snapshot;

/// A snapshot as the port describes it.
pub(super) fn snapshot(from: &DbSnapshot) -> Snapshot {
    Snapshot {
        identifier: text(from.db_snapshot_identifier()),
        instance: text(from.db_instance_identifier()),
        status: text(from.status()),
        engine_version: text(from.engine_version()),
        percent: from.percent_progress().unwrap_or_default(),
        created_at: time(from.snapshot_create_time()),
        encrypted: from.encrypted().unwrap_or_default(),
        kms_key: from.kms_key_id().map(str::to_owned),
        tags: tags(from.tag_list()),
    }
}
