use super::ask::{Answering, Ask, Asked, Asking, Needs, On, Scope, SqlFile};
use super::check::{Check, Moment, Severity};
use super::judge::Judged;
use super::{
    coming, green, identity, link, parity, publication, publisher, reach, roles, start, tables,
    tool, upgrade,
};
use crate::ports::Rows;

/// All checks of the procedure, in the order in which people read them.
pub fn catalogue() -> impl Iterator<Item = &'static Check> {
    [
        identity::CHECKS,
        roles::CHECKS,
        reach::CHECKS,
        publisher::CHECKS,
        tables::CHECKS,
        publication::CHECKS,
        coming::CHECKS,
        parity::CHECKS,
        upgrade::CHECKS,
        green::CHECKS,
        start::CHECKS,
        link::CHECKS,
        tool::CHECKS,
        super::rds::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// One check by its id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    catalogue().find(|check| check.id == id)
}

/// Asked before anything is changed.
pub const EARLY: &[Moment] = &[Moment::Preflight];
/// Asked before anything is changed, and right before the fence.
pub const EARLY_AND_GATE: &[Moment] = &[Moment::Preflight, Moment::Gate];
/// Asked once GREEN is set up.
pub const BUILT: &[Moment] = &[Moment::GreenBuilt];
/// Asked once GREEN is set up, and right before the fence.
pub const BUILT_AND_GATE: &[Moment] = &[Moment::GreenBuilt, Moment::Gate];
/// Asked before anything is changed, and of both once GREEN is set up.
pub const EARLY_AND_BUILT: &[Moment] = &[Moment::Preflight, Moment::GreenBuilt];
/// Asked at every moment.
pub const ALWAYS: &[Moment] = &[Moment::Preflight, Moment::GreenBuilt, Moment::Gate];
/// Asked only right before the fence.
pub const GATE: &[Moment] = &[Moment::Gate];

/// The statement of a check: its file, for all majors, from one on, or with variants for newer ones.
macro_rules! sql {
    ($id:literal) => {
        sql!($id, from 10)
    };
    ($id:literal, from $from:literal $(, $newer:literal)*) => {
        &[
            ($from, include_str!(concat!("../../assets/sql/checks/", $id, ".sql"))),
            $(($newer, include_str!(concat!("../../assets/sql/checks/", $id, "_from_", $newer, ".sql"))),)*
        ]
    };
}
pub(super) use sql;

/// The judge of a statement that lists what should not be there: `what`, and SQL that would mend it as `fix`.
macro_rules! listed {
    ($fine:literal, $one:literal, $many:literal) => {
        |_, rows| super::judge::list(rows, $fine, ($one, $many))
    };
}
pub(super) use listed;

impl<P> Check<P> {
    /// A check that stops the procedure when it fails.
    #[must_use]
    pub const fn block(
        id: &'static str,
        title: &'static str,
        moments: &'static [Moment],
        ask: Ask<P>,
    ) -> Self {
        Self {
            id,
            title,
            why: "",
            remedy: "",
            severity: Severity::Block,
            moments,
            ask,
        }
    }

    /// A check whose failure the operator may go on with.
    #[must_use]
    pub const fn warn(
        id: &'static str,
        title: &'static str,
        moments: &'static [Moment],
        ask: Ask<P>,
    ) -> Self {
        Self {
            severity: Severity::Warn,
            ..Self::block(id, title, moments, ask)
        }
    }

    /// A check that only tells.
    #[must_use]
    pub const fn info(
        id: &'static str,
        title: &'static str,
        moments: &'static [Moment],
        ask: Ask<P>,
    ) -> Self {
        Self {
            severity: Severity::Info,
            ..Self::block(id, title, moments, ask)
        }
    }

    /// What happens to those who do not ask.
    #[must_use]
    pub const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    /// What to do when it fails.
    #[must_use]
    pub const fn remedy(mut self, remedy: &'static str) -> Self {
        self.remedy = remedy;
        self
    }
}

impl<P> Ask<P> {
    /// A statement that needs no values, once on each server meant.
    #[must_use]
    pub const fn server(on: On, sql: SqlFile, judge: fn(&Asked<'_, P>, &Rows) -> Judged) -> Self {
        Self::Rows {
            on,
            scope: Scope::Server,
            sql,
            judge,
        }
    }

    /// A statement that needs no values, in every database.
    #[must_use]
    pub const fn databases(
        on: On,
        sql: SqlFile,
        judge: fn(&Asked<'_, P>, &Rows) -> Judged,
    ) -> Self {
        Self::Rows {
            on,
            scope: Scope::Databases,
            sql,
            judge,
        }
    }

    /// A statement on both sides, once a server, both answers judged together.
    #[must_use]
    pub const fn pair(sql: SqlFile, judge: fn(&Asked<'_, P>, &Rows, &Rows) -> Judged) -> Self {
        Self::Pair {
            scope: Scope::Server,
            sql,
            judge,
        }
    }

    /// A statement on both sides, in every database, both answers judged together.
    #[must_use]
    pub const fn pairs(sql: SqlFile, judge: fn(&Asked<'_, P>, &Rows, &Rows) -> Judged) -> Self {
        Self::Pair {
            scope: Scope::Databases,
            sql,
            judge,
        }
    }

    /// A question of several parts.
    #[must_use]
    pub const fn custom(
        needs: Needs,
        label: &'static str,
        ask: for<'a> fn(&'a Asking<'a, P>) -> Answering<'a>,
    ) -> Self {
        Self::Custom { needs, label, ask }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::catalogue;

    #[test]
    fn what_may_be_acknowledged_would_block() {
        for id in crate::profile::ACKNOWLEDGEABLE {
            let check = super::find(id).expect(id);
            assert_eq!(check.severity, crate::checks::Severity::Block, "{id}");
        }
    }

    #[test]
    fn every_check_says_why_and_what_to_do_and_has_its_own_id() {
        let mut seen = HashSet::new();
        for check in catalogue() {
            assert!(seen.insert(check.id), "{} is there twice", check.id);
            assert!(
                !check.title.is_empty() && !check.why.is_empty() && !check.remedy.is_empty(),
                "{}",
                check.id
            );
            assert!(!check.moments.is_empty(), "{} is never asked", check.id);
        }
    }
}
