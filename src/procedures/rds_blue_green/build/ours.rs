use crate::ports::Tags;
use crate::profile::BlueGreen;

/// Tag that says which run made a snapshot or an instance.
pub const RUN_TAG: &str = "greenlight:run";

/// Name of the run's snapshot.
#[must_use]
pub fn snapshot_name(profile: &BlueGreen, run: &str) -> String {
    format!("{}-{run}", profile.rds.snapshot_prefix)
}

/// The run that made it, when a run did.
pub(super) fn made_by(tags: &Tags) -> Option<&str> {
    tags.get(RUN_TAG).map(String::as_str)
}

/// Tags for what this run makes.
pub(super) fn tags_of(run: &str) -> Tags {
    Tags::from([(RUN_TAG.to_owned(), run.to_owned())])
}

/// Why a thing of the wanted name that this run did not make is left alone.
pub(super) fn not_ours(what: &str, name: &str, tags: &Tags, run: &str) -> String {
    let maker = match made_by(tags) {
        Some(other) => format!("run {other} made it"),
        None => format!("it has no tag {RUN_TAG}"),
    };
    format!(
        "RDS has a {what} {name:?} already, and this run ({run}) did not make it: {maker}. It was not touched. \
         Delete or rename it, or choose another name in the profile, then do this step again"
    )
}
