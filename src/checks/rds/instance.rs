use futures_util::FutureExt;

use super::super::ask::{Answering, Asking};
use super::super::finding::Finding;
use super::{answer, blue, green, rds};
use crate::ports::Instance;

pub(super) fn ask_caller<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let caller = rds(asking)?.caller().await?;
        let blue = blue(asking).await?;
        let region = asking.ctx.profile.rds.region.as_deref();
        answer(caller_of(&caller, &blue.arn, region))
    }
    .boxed()
}

/// Region and account of an ARN.
fn region_and_account(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':').skip(3);
    Some((parts.next()?, parts.next()?))
}

fn caller_of(caller: &str, blue_arn: &str, region: Option<&str>) -> Finding {
    let (Some((_, account)), Some((blue_region, blue_account))) =
        (region_and_account(caller), region_and_account(blue_arn))
    else {
        return Finding::warn(format!(
            "the ARNs do not read as such: {caller:?}, {blue_arn:?}"
        ));
    };
    if account != blue_account {
        return Finding::fail(format!(
            "{caller} belongs to account {account}, BLUE to {blue_account}"
        ));
    }
    if let Some(region) = region.filter(|region| *region != blue_region) {
        return Finding::fail(format!(
            "the profile names region {region}, BLUE is in {blue_region}"
        ));
    }
    Finding::pass(format!(
        "{caller}, region {blue_region}; reading works. Changes cannot be tried without being done: compare the \
         principal's policy with docs/iam-policy.md"
    ))
}

pub(super) fn ask_available<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(available(&blue(asking).await?)) }.boxed()
}

fn available(blue: &Instance) -> Finding {
    let mut against = Vec::new();
    if !matches!(blue.status.as_str(), "available" | "storage-optimization") {
        against.push(format!("its status is {:?}", blue.status));
    }
    if !blue.pending_changes.is_empty() {
        against.push(format!(
            "changes are pending: {}",
            blue.pending_changes.join(", ")
        ));
    }
    if blue.parameter_apply_status != "in-sync" {
        against.push(format!(
            "parameter group {} is {:?}",
            blue.parameter_group, blue.parameter_apply_status
        ));
    }
    if blue.engine != "postgres" {
        against.push(format!("its engine is {:?}", blue.engine));
    }
    if let Some(source) = &blue.replica_of {
        against.push(format!("it is a read replica of {source}"));
    }
    if let Some(cluster) = &blue.cluster {
        against.push(format!(
            "it belongs to cluster {cluster}, which has another API"
        ));
    }
    if against.is_empty() {
        Finding::pass(format!(
            "{} is {}, nothing is pending",
            blue.identifier, blue.status
        ))
    } else {
        Finding::fail(format!("{}: {}", blue.identifier, against.join("; ")))
    }
}

pub(super) fn ask_replicas<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(replicas(&blue(asking).await?)) }.boxed()
}

fn replicas(blue: &Instance) -> Finding {
    if blue.read_replicas.is_empty() {
        return Finding::pass("BLUE has no read replicas");
    }
    Finding::fail(format!(
        "BLUE has read replicas: {}",
        blue.read_replicas.join(", ")
    ))
}

pub(super) fn ask_iam<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(iam(&blue(asking).await?, green(asking).await?.as_ref())) }.boxed()
}

fn iam(blue: &Instance, green: Option<&Instance>) -> Finding {
    match green {
        _ if !blue.iam_auth => Finding::pass("BLUE takes no IAM logins"),
        None => Finding::fail(format!(
            "BLUE takes IAM logins by {}; GREEN will have another resource id, known once it is restored",
            blue.resource_id
        )),
        Some(green) if !green.iam_auth => Finding::fail("BLUE takes IAM logins, GREEN does not"),
        Some(green) => Finding::fail(format!(
            "policies must allow {} beside BLUE's {}; policies themselves were not read",
            green.resource_id, blue.resource_id
        )),
    }
}

pub(super) fn ask_proxies<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let blue = &asking.ctx.profile.blue.identifier;
        answer(proxies(&rds(asking)?.proxies_of(blue).await?))
    }
    .boxed()
}

fn proxies(names: &[String]) -> Finding {
    if names.is_empty() {
        return Finding::pass("no RDS Proxy targets BLUE");
    }
    Finding::fail(format!("RDS Proxy targets BLUE: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::FindingKind::{Fail, Pass, Warn};
    use super::{available, caller_of, iam, proxies, replicas};
    use crate::ports::Instance;

    fn sound() -> Instance {
        Instance {
            identifier: "blue".to_owned(),
            status: "available".to_owned(),
            engine: "postgres".to_owned(),
            parameter_apply_status: "in-sync".to_owned(),
            ..Instance::default()
        }
    }

    #[test]
    fn the_caller_must_be_at_home_where_blue_is() {
        let blue = "arn:aws:rds:eu-central-1:123456789012:db:blue";
        let me = "arn:aws:iam::123456789012:role/dba";
        assert_eq!(caller_of(me, blue, Some("eu-central-1")).kind, Pass);
        assert_eq!(caller_of(me, blue, None).kind, Pass);
        assert_eq!(caller_of(me, blue, Some("eu-west-1")).kind, Fail);
        let stranger = "arn:aws:iam::999999999999:role/dba";
        assert_eq!(caller_of(stranger, blue, None).kind, Fail);
        assert_eq!(caller_of("", blue, None).kind, Warn);
    }

    #[test]
    fn blue_must_be_settled() {
        assert_eq!(available(&sound()).kind, Pass);
        let cases: [fn(&mut Instance); 6] = [
            |i| i.status = "modifying".to_owned(),
            |i| i.pending_changes = vec!["MultiAZ".to_owned()],
            |i| i.parameter_apply_status = "pending-reboot".to_owned(),
            |i| i.engine = "aurora-postgresql".to_owned(),
            |i| i.replica_of = Some("other".to_owned()),
            |i| i.cluster = Some("c".to_owned()),
        ];
        for spoil in cases {
            let mut blue = sound();
            spoil(&mut blue);
            assert_eq!(available(&blue).kind, Fail, "{blue:?}");
        }
    }

    #[test]
    fn replicas_and_proxies_are_told_by_name() {
        assert_eq!(replicas(&sound()).kind, Pass);
        let mut blue = sound();
        blue.read_replicas = vec!["replica-1".to_owned()];
        assert!(replicas(&blue).evidence.contains("replica-1"));
        assert_eq!(proxies(&[]).kind, Pass);
        assert_eq!(proxies(&["front".to_owned()]).kind, Fail);
    }

    #[test]
    fn iam_logins_need_the_new_resource_id() {
        let mut blue = sound();
        assert_eq!(iam(&blue, None).kind, Pass);
        blue.iam_auth = true;
        assert_eq!(iam(&blue, None).kind, Fail);
        let mut green = sound();
        assert!(iam(&blue, Some(&green)).evidence.contains("GREEN does not"));
        green.iam_auth = true;
        green.resource_id = "db-NEW".to_owned();
        assert!(iam(&blue, Some(&green)).evidence.contains("db-NEW"));
    }
}
