//! What the control plane tells only in part: the rest a person has to confirm.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::{Timestamp, ToSpan};

use super::super::ask::{Answering, Asking};
use super::super::finding::Finding;
use super::{answer, blue, green};
use crate::domain::human_duration;
use crate::ports::Instance;
use crate::profile::{Budgets, Hook};

/// A certificate that ends within this many hours is worth a word.
const CERTIFICATE_HOURS: i64 = 90 * 24;

/// What RDS's own waiter gives an instance, which is too little for a large one.
const WAITER: Duration = Duration::from_secs(30 * 60);

pub(super) fn ask_pollers<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(pollers(&asking.ctx.profile.budgets)) }.boxed()
}

fn pollers(budgets: &Budgets) -> Finding {
    let long = human_duration;
    let seen = format!(
        "asked every 15 s until: snapshot {}, upgrade {}, restore {}",
        long(budgets.snapshot),
        long(budgets.upgrade),
        long(budgets.restore)
    );
    if budgets.snapshot.min(budgets.upgrade).min(budgets.restore) < WAITER {
        Finding::fail(format!("{seen}; RDS's own waiter allows 30 minutes"))
    } else {
        Finding::pass(seen)
    }
}

pub(super) fn ask_network<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        let wished = asking.ctx.profile.green.security_groups.as_deref();
        answer(network(
            &blue(asking).await?,
            green(asking).await?.as_ref(),
            wished,
        ))
    }
    .boxed()
}

fn network(blue: &Instance, green: Option<&Instance>, wished: Option<&[String]>) -> Finding {
    let groups = green.map_or_else(
        || wished.unwrap_or(&blue.security_groups),
        |green| &green.security_groups,
    );
    if groups.is_empty() {
        return Finding::fail(
            "GREEN has no security group of its own: the VPC's default one closes it",
        );
    }
    if let Some(green) = green.filter(|green| green.vpc != blue.vpc) {
        return Finding::warn(format!(
            "BLUE is in {}, GREEN in {}: confirm that the two are peered and that each reaches the other's port",
            blue.vpc, green.vpc
        ));
    }
    Finding::warn(format!(
        "BLUE has {}, GREEN {}; their rules were not read. Members of one group reach each other only where a rule of it \
         says so",
        blue.security_groups.join(" "),
        groups.join(" ")
    ))
    .remedy("Confirm that the rules allow the database port both ways; the links themselves prove it before the window.")
}

pub(super) fn ask_key<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(key(&blue(asking).await?)) }.boxed()
}

fn key(blue: &Instance) -> Finding {
    match &blue.kms_key {
        _ if !blue.encrypted => Finding::pass(
            "BLUE's storage is not encrypted, so GREEN's will not be; encrypting it means copying the snapshot first",
        ),
        None => Finding::fail("BLUE's storage is encrypted, and RDS does not name the key"),
        Some(key) => Finding::warn(format!(
            "BLUE's storage is encrypted with {key}; state and policy of the key were not read"
        )),
    }
}

pub(super) fn ask_ca<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move {
        answer(certificates(
            &blue(asking).await?,
            green(asking).await?.as_ref(),
            Timestamp::now(),
        ))
    }
    .boxed()
}

fn certificates(blue: &Instance, green: Option<&Instance>, now: Timestamp) -> Finding {
    let soon = now + CERTIFICATE_HOURS.hours();
    for instance in [Some(blue), green].into_iter().flatten() {
        if let Some(until) = instance.certificate_until.filter(|until| *until < soon) {
            return Finding::fail(format!(
                "the certificate of {} ends {until}",
                instance.identifier
            ));
        }
    }
    if let Some(green) = green.filter(|green| green.ca_certificate != blue.ca_certificate) {
        return Finding::fail(format!(
            "BLUE's certificate is of {}, GREEN's of {}: clients need both",
            blue.ca_certificate, green.ca_certificate
        ));
    }
    Finding::warn(format!(
        "both of {}; the clients' trust stores were not looked at, and GREEN's certificate names GREEN's endpoint",
        blue.ca_certificate
    ))
}

pub(super) fn ask_secret<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(secret(&blue(asking).await?)) }.boxed()
}

fn secret(blue: &Instance) -> Finding {
    if blue.managed_master_secret {
        return Finding::fail(format!(
            "Secrets Manager manages and rotates the password of {}",
            blue.master_user
        ));
    }
    Finding::pass(format!(
        "the password of {} is not managed by Secrets Manager. Rotations of other roles' secrets were not looked at: \
         confirm that the tool's and the replication role's do not rotate meanwhile",
        blue.master_user
    ))
}

pub(super) fn ask_traffic<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(traffic(asking.ctx.profile.hooks.redirect.as_ref())) }.boxed()
}

fn traffic(redirect: Option<&Hook>) -> Finding {
    let Some(hook) = redirect else {
        return Finding::warn(
            "the profile has no redirect hook: somebody must send applications to GREEN by hand",
        )
        .remedy("Set a redirect hook, or have that somebody ready at the cutover.");
    };
    let words = hook.argv.join(" ");
    if words.contains("new-db-instance-identifier") {
        return Finding::fail(format!("the redirect hook renames an instance: {words}"));
    }
    Finding::pass(format!(
        "the redirect hook is: {words}. DNS was not asked: confirm that a CNAME it flips has a TTL of at most 10 s, and \
         that clients do not keep addresses for ever (networkaddress.cache.ttl of Java)"
    ))
}

pub(super) fn ask_native<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(native(&blue(asking).await?)) }.boxed()
}

fn native(blue: &Instance) -> Finding {
    if blue.managed_master_secret {
        return Finding::fail(
            "AWS's own Blue/Green does not fit here: the master password is managed by Secrets Manager",
        );
    }
    Finding::pass(
        "AWS's own Blue/Green renames endpoints for you; it fits where no way back after the switch is wanted, no slots \
         or links of others must live on, every table has a key, and there are no large objects",
    )
}

pub(super) fn ask_lifecycle<'a>(asking: &'a Asking<'a>) -> Answering<'a> {
    async move { answer(lifecycle(&blue(asking).await?)) }.boxed()
}

fn lifecycle(blue: &Instance) -> Finding {
    match &blue.lifecycle_support {
        Some(option) if option.ends_with("-disabled") => Finding::fail(format!(
            "BLUE and GREEN: {option}; past the end of a major's life RDS upgrades it by itself"
        )),
        Some(option) => Finding::pass(format!("BLUE and GREEN: {option}")),
        None => Finding::pass(
            "RDS does not tell BLUE's life-cycle option; GREEN gets the account's default",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::super::super::finding::FindingKind::{Fail, Pass, Warn};
    use super::{certificates, key, lifecycle, native, network, secret, traffic};
    use crate::ports::Instance;
    use crate::profile::Hook;

    fn blue() -> Instance {
        Instance {
            vpc: "vpc-1".to_owned(),
            security_groups: vec!["sg-1".to_owned()],
            ca_certificate: "rds-ca-rsa2048-g1".to_owned(),
            ..Instance::default()
        }
    }

    #[test]
    fn rules_that_were_not_read_are_never_passed() {
        assert_eq!(network(&blue(), None, None).kind, Warn);
        assert_eq!(network(&blue(), None, Some(&[])).kind, Fail);
        let elsewhere = Instance {
            vpc: "vpc-2".to_owned(),
            ..blue()
        };
        let finding = network(&blue(), Some(&elsewhere), None);
        assert!(finding.evidence.contains("peered"), "{finding:?}");
    }

    #[test]
    fn an_encrypted_storage_needs_its_key() {
        let mut instance = blue();
        assert_eq!(key(&instance).kind, Pass);
        instance.encrypted = true;
        assert_eq!(key(&instance).kind, Fail);
        instance.kms_key = Some("arn:key".to_owned());
        assert_eq!(key(&instance).kind, Warn);
    }

    #[test]
    fn certificates_must_last_and_agree() {
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().expect("time");
        assert_eq!(certificates(&blue(), None, now).kind, Warn);
        let mut green = blue();
        green.ca_certificate = "rds-ca-ecc384-g1".to_owned();
        assert_eq!(certificates(&blue(), Some(&green), now).kind, Fail);
        let mut old = blue();
        old.certificate_until = "2026-12-24T00:00:00Z".parse().ok();
        assert_eq!(certificates(&old, None, now).kind, Fail);
    }

    #[test]
    fn managed_secrets_rotate() {
        let mut instance = blue();
        assert_eq!(secret(&instance).kind, Pass);
        assert!(native(&instance).evidence.contains("fits where"));
        instance.managed_master_secret = true;
        assert_eq!(secret(&instance).kind, Fail);
        assert!(native(&instance).evidence.contains("does not fit"));
        assert!(lifecycle(&instance).evidence.contains("default"));
    }

    #[test]
    fn endpoints_are_never_renamed_in_the_window() {
        let hook = |argv: &[&str]| Hook {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            limit: Duration::from_secs(5),
        };
        assert_eq!(traffic(None).kind, Warn);
        assert_eq!(traffic(Some(&hook(&["flip", "{host}"]))).kind, Pass);
        let rename = hook(&[
            "aws",
            "rds",
            "modify-db-instance",
            "--new-db-instance-identifier",
            "x",
        ]);
        assert_eq!(traffic(Some(&rename)).kind, Fail);
    }
}
