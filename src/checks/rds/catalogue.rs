use super::super::ask::{Answering, Ask, Asking, Needs};
use super::super::catalogue::{ALWAYS, BUILT, EARLY, EARLY_AND_BUILT, EARLY_AND_GATE};
use super::super::check::Check;
use super::{after, instance, people, target, windows};

const fn rds(ask: for<'a> fn(&'a Asking<'a>) -> Answering<'a>) -> Ask {
    Ask::custom(Needs::Rds, super::RDS, ask)
}

/// The checks of this page.
pub const CHECKS: &[Check] = &[
    Check::block("rds-caller-and-permissions", "AWS account, region, permissions", EARLY, rds(instance::ask_caller))
        .why("Credentials of another account or region would build GREEN where nobody looks for it.")
        .remedy("Sign in to the account BLUE is in, set region under [rds], and attach the policy of docs/iam-policy.md."),
    Check::block("rds-instance-available", "BLUE is available and settled", EARLY_AND_GATE, rds(instance::ask_available))
        .why("A pending change or reboot happens in the middle of the run, or makes RDS refuse the snapshot.")
        .remedy("Let the pending change finish, or reboot on your own schedule first."),
    Check::block("rds-maintenance-collision", "No maintenance in the way", ALWAYS, rds(windows::ask))
        .why("AWS restarts instances for maintenance on its own schedule, in the middle of a cutover as well.")
        .remedy("Apply or defer the maintenance, or move the windows, before going on."),
    Check::block("rds-valid-upgrade-target", "RDS upgrades to the target version", EARLY, rds(target::ask_version))
        .why("RDS knows only certain ways from minor to minor; others it refuses after the snapshot was taken.")
        .remedy("Choose a listed target, or take BLUE to a newer minor first, or go in two hops."),
    Check::block("rds-target-class-orderable", "The class is offered for the target version", EARLY, rds(target::ask_class))
        .why("Old classes are not offered for new versions: the restore would fail.")
        .remedy("Set instance_class under [green] to one that is offered."),
    Check::block("rds-parameter-group-target", "The target's parameter group", EARLY, rds(target::ask_group))
        .why("rds.logical_replication is static: without it at GREEN's first start there is no way back until it restarts.")
        .remedy("Make a parameter group of the target's family with rds.logical_replication = 1 and name it under [green]."),
    Check::block("rds-snapshot-plan", "Room and a free name for the snapshot", EARLY, rds(target::ask_snapshot))
        .why("Only manual snapshots can be upgraded, and an account may hold only so many.")
        .remedy("Delete old manual snapshots or ask AWS for a higher quota; choose another snapshot_prefix."),
    Check::block("rds-snapshot-upgraded-for-real", "GREEN runs the target version", BUILT, rds(after::ask_upgraded))
        .why("A failed upgrade of a snapshot is shown as available, with the old version.")
        .remedy("Read the events of the snapshot, mend the cause on BLUE, undo back to the snapshot and do it again."),
    Check::info("rds-own-pollers", "Waits have limits of our own", EARLY, rds(people::ask_pollers))
        .why("The SDK's waiters give up after 10 or 30 minutes and take a failed upgrade for success.")
        .remedy("Raise the budgets where snapshots of this size take longer."),
    Check::block("rds-restore-parity", "GREEN is what BLUE is", BUILT, rds(after::ask_parity))
        .why("What a restore is not told it sets to defaults: another firewall, one zone, no IAM logins.")
        .remedy("Change GREEN before it is subscribed; converting to Multi-AZ takes long."),
    Check::block("rds-network-both-ways", "BLUE and GREEN reach each other", EARLY_AND_BUILT, rds(people::ask_network))
        .why("The forward link is opened by GREEN, the way back by BLUE: both ways must be open before the window.")
        .remedy("Allow the database port between the two security groups, in both directions."),
    Check::block("rds-kms", "The key of the storage", EARLY, rds(people::ask_key))
        .why("Without the right to the key a restore ends in inaccessible-encryption-credentials.")
        .remedy("Confirm that the key is enabled and that the principal may kms:DescribeKey and kms:CreateGrant on it."),
    Check::warn("rds-read-replicas", "Read replicas of BLUE", EARLY, rds(instance::ask_replicas))
        .why("Replicas stay with BLUE: after the cutover they serve what no longer changes.")
        .remedy("Make replicas of GREEN after the restore, warm them up, and move the read endpoints with the cutover."),
    Check::warn("rds-iam-auth-resource-id", "IAM logins on GREEN", EARLY_AND_BUILT, rds(instance::ask_iam))
        .why("Policies name the DbiResourceId, and GREEN has a new one: the old policy does not match.")
        .remedy("Allow rds-db:connect on GREEN's resource id in the applications' policies before the cutover."),
    Check::warn("rds-proxy", "RDS Proxy in front of BLUE", EARLY, rds(instance::ask_proxies))
        .why("A proxy goes on sending clients to BLUE, and its pooled sessions look like the application's.")
        .remedy("Plan DeregisterDBProxyTargets and RegisterDBProxyTargets in the redirect hook; a target group holds one database."),
    Check::warn("rds-ca-and-clients", "Certificates and clients", EARLY_AND_BUILT, rds(people::ask_ca))
        .why("Clients that verify the server refuse one whose CA they do not know, or whose name they did not ask for.")
        .remedy("Ship AWS's global bundle to the clients; behind a CNAME use verify-ca, or the instance's own endpoint."),
    Check::warn("rds-master-secret", "Passwords do not rotate meanwhile", EARLY, rds(people::ask_secret))
        .why("A subscription holds its password: a rotation stops replication at the next reconnect.")
        .remedy("Suspend the rotation for the run. GREEN has no managed secret until it is given one."),
    Check::block("rds-log-access", "GREEN's log can be read", BUILT, rds(after::ask_logs))
        .why("The start LSN stands in GREEN's log, and logs are kept for three days by default.")
        .remedy("Allow rds:DownloadDBLogFilePortion on GREEN; set rds.log_retention_period = 10080, log_destination = stderr."),
    Check::block("rds-traffic-switch-method", "How applications are sent to GREEN", EARLY, rds(people::ask_traffic))
        .why("Renaming the endpoint restarts the instance, takes minutes each way and breaks the way back.")
        .remedy("Let applications use a CNAME with a TTL of 5 s or a pooler, and flip that in the redirect hook."),
    Check::info("rds-native-blue-green-better", "AWS's own Blue/Green", EARLY, rds(people::ask_native))
        .why("Where no way back is needed, AWS's own feature renames the endpoints for you.")
        .remedy("Weigh RDS Blue/Green Deployments."),
    Check::info("rds-engine-lifecycle", "Extended Support", EARLY, rds(people::ask_lifecycle))
        .why("An end-of-life major restored without Extended Support is upgraded by RDS by itself; with it, it is billed.")
        .remedy("Set the life-cycle option of BLUE as it should be for GREEN."),
];
