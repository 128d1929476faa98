use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join, try_join};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::catalog::{self, Plan, Tables};
use super::chunks::{self, Sum};
use super::drill::Search;
use super::marker::Link;
use super::pool::{Pool, Sides};
use super::statements::{Span, Statements};
use super::{CompareOptions, CompareWatcher, Comparison, PURPOSE, Side, TableComparison};
use crate::domain::{Place, Sql, human_bytes};
use crate::inspect::InspectError;
use crate::ports::{Databases, DbErrorKind, Rows};

/// The first major version with hash functions that take a seed.
const OLDEST: u32 = 11;
/// How many key ranges make one of those a very large table is first read by.
const COARSE: usize = 100;
/// Bytes that a row hardly ever exceeds.
const WIDE_ROW: u64 = 1_000;

/// Compares the data of two databases. Only reads; what it may use on each side is in `options`.
///
/// Asked to stop, or past its limit, it cancels what runs on the servers and gives an error.
pub async fn compare(
    databases: &dyn Databases,
    places: (&Place, &Place),
    options: &CompareOptions,
    watch: &dyn CompareWatcher,
) -> Result<Comparison, InspectError> {
    Comparer::open(databases, places, options)
        .await?
        .run(watch)
        .await
}

/// A compare ready to run: its sessions are open, its tables known.
pub struct Comparer {
    sides: Sides,
    link: Option<Link>,
    tables: Tables,
    options: CompareOptions,
}

impl Comparer {
    /// Opens the sessions of both sides, proves that they hash alike, and reads which tables there are.
    pub async fn open(
        databases: &dyn Databases,
        (blue, green): (&Place, &Place),
        options: &CompareOptions,
    ) -> Result<Self, InspectError> {
        let open = |place| Pool::open(databases, place, options.sessions, options.statement_limit);
        let (blue, green) = try_join(open(blue), open(green)).await?;
        let sides = Sides { blue, green };
        settle_sessions(&sides).await?;
        let link = Link::find(
            sides.blue.first(),
            sides.green.first(),
            options.marker_limit,
        )
        .await?;
        let mut tables = tables(&sides, options).await?;
        // The largest first, so that no long one is left for the end.
        tables.plans.sort_by_key(|plan| Reverse(plan.bytes));
        Ok(Self {
            sides,
            link,
            tables,
            options: options.clone(),
        })
    }

    /// The same for two sides of which neither is written to, whatever link there is: nothing is waited for. Only what
    /// has been written to since `before`, or stayed open then; the smallest table first, since time is short.
    #[must_use]
    pub fn at_rest(mut self, before: &Comparison) -> Self {
        self.link = None;
        let plans = &mut self.tables.plans;
        plans.reverse();
        plans.retain(|plan| {
            let known = before
                .tables
                .iter()
                .find(|table| (&table.schema, &table.name) == (&plan.schema, &plan.name));
            known.is_none_or(|table| table.undecided > 0 || table.writes != plan.writes)
        });
        self
    }

    /// Compares.
    pub async fn run(&self, watch: &dyn CompareWatcher) -> Result<Comparison, InspectError> {
        let stopped = async {
            while !watch.stopped() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let ended = tokio::select! {
            found = self.whole(watch) => return found,
            () = stopped => InspectError::Stopped,
            () = tokio::time::sleep(self.options.limit) => InspectError::TooLong(self.options.limit),
        };
        join(self.sides.blue.cancel(), self.sides.green.cancel()).await;
        Err(ended)
    }

    async fn whole(&self, watch: &dyn CompareWatcher) -> Result<Comparison, InspectError> {
        let progress = Progress {
            watch,
            done: AtomicU64::new(0),
            total: self.tables.plans.iter().map(|plan| plan.bytes).sum(),
        };
        let plans = self.tables.plans.iter().enumerate();
        let each: Vec<_> = plans
            .map(|(at, plan)| self.one(at + 1, plan, &progress).boxed())
            .collect();
        let mut compared: Vec<TableComparison> = stream::iter(each)
            .buffer_unordered(self.options.sessions.max(1))
            .try_collect()
            .await?;
        compared.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Ok(Comparison {
            equal: compared.iter().all(|table| table.equal),
            tables: compared,
            skipped: self.tables.skipped.clone(),
        })
    }
}

impl Comparer {
    async fn one(
        &self,
        at: usize,
        plan: &Plan,
        progress: &Progress<'_>,
    ) -> Result<TableComparison, InspectError> {
        let done = progress.done.load(Ordering::Relaxed);
        let text = format!(
            "{}.{} ({at} of {}), {} of {} compared",
            plan.schema,
            plan.name,
            self.tables.plans.len(),
            human_bytes(done),
            human_bytes(progress.total)
        );
        let share = done as f64 / progress.total.max(1) as f64;
        progress.watch.progress(&text, Some(share));
        let search = Search {
            sides: &self.sides,
            link: self.link.as_ref(),
            options: &self.options,
            watch: progress.watch,
            statements: Statements::new(plan, self.options.strict_text),
        };
        let found = table(&search, plan).await?;
        progress.done.fetch_add(plan.bytes, Ordering::Relaxed);
        progress.watch.table(&found);
        Ok(found)
    }
}

/// How far a compare is, bytes.
struct Progress<'a> {
    watch: &'a dyn CompareWatcher,
    done: AtomicU64,
    total: u64,
}

/// Makes both servers write values alike, and proves that they hash alike.
async fn settle_sessions(sides: &Sides) -> Result<(), InspectError> {
    let versions = [&sides.blue, &sides.green].map(|pool| pool.first().version());
    for found in versions {
        if found.major() < OLDEST {
            return Err(InspectError::TooOld {
                purpose: PURPOSE,
                needed: OLDEST,
                found,
            });
        }
    }
    // Before 12 a float was written with a fixed number of digits; fifteen are what every version writes alike.
    let digits = if versions.iter().any(|version| version.major() < 12) {
        0
    } else {
        3
    };
    let settings = Sql::new(
        "SET extra_float_digits = {digits}; SET lc_monetary = 'C'; SET default_transaction_read_only = on",
    )
    .number("digits", digits);
    try_join(sides.blue.set(&settings), sides.green.set(&settings)).await?;
    let test = Sql::new(include_str!(
        "../../../assets/sql/inspect/compare_self_test.sql"
    ));
    let (blue, green) = both(sides, &test).await?;
    let answers = |rows: &Rows| -> Result<String, InspectError> {
        let text: Result<String, _> = rows.one().and_then(|row| row.get("answers"));
        text.map_err(InspectError::answer(PURPOSE))
    };
    let (blue, green) = (answers(&blue)?, answers(&green)?);
    if blue == green {
        return Ok(());
    }
    Err(InspectError::Compare(format!(
        "the two servers do not write or hash the same values alike, so their data cannot be compared by hashes (another \
         encoding, or another byte order): BLUE says {blue}, GREEN says {green}"
    )))
}

async fn both(sides: &Sides, sql: &Sql) -> Result<(Rows, Rows), InspectError> {
    try_join(sides.blue.query(sql), sides.green.query(sql))
        .await
        .map_err(InspectError::database(PURPOSE))
}

async fn tables(sides: &Sides, options: &CompareOptions) -> Result<Tables, InspectError> {
    let ask = async |pool: &Pool| {
        let sql = catalog::query(pool.first().version(), options);
        pool.query(&sql)
            .await
            .map_err(InspectError::database(PURPOSE))
    };
    let (blue, green) = try_join(ask(&sides.blue), ask(&sides.green)).await?;
    catalog::pair(&blue, &green, options)
}

/// One table. What a server refuses is the table's problem; a lost connection is everybody's.
async fn table(search: &Search<'_>, plan: &Plan) -> Result<TableComparison, InspectError> {
    let mut result = TableComparison {
        schema: plan.schema.clone(),
        name: plan.name.clone(),
        writes: plan.writes,
        problem: plan.problem.clone(),
        ..TableComparison::default()
    };
    match rows_of(search, plan, &mut result).await {
        Ok(()) => {}
        Err(InspectError::Database { error, .. }) if error.kind == DbErrorKind::Refused => {
            result.problem = Some(format!("it could not be compared: {error}"));
        }
        Err(other) => return Err(other),
    }
    result.equal = !result.is_different() && result.undecided == 0;
    Ok(result)
}

async fn rows_of(
    search: &Search<'_>,
    plan: &Plan,
    result: &mut TableComparison,
) -> Result<(), InspectError> {
    if plan.on != [true, true] {
        let side = if plan.on[0] { Side::Blue } else { Side::Green };
        let count = Sql::new("SELECT count(*) AS rows, 0 AS sum FROM {table}").qualified(
            "table",
            &plan.schema,
            &plan.name,
        );
        let rows = search.sides.of(side).query(&count).await;
        let rows = rows.map_err(InspectError::database(PURPOSE))?;
        let rows = chunks::sum(&rows)
            .map_err(InspectError::answer(PURPOSE))?
            .rows;
        *(match side {
            Side::Blue => &mut result.rows_blue,
            Side::Green => &mut result.rows_green,
        }) = rows;
        return Ok(());
    }
    let bytes = search.bytes().await?;
    let large = search.statements.has_spans() && bytes > search.options.whole_table;
    let fine = if large {
        // A table that was never analysed has no estimate.
        search.spans(plan.estimate.max(bytes / WIDE_ROW)).await?
    } else {
        Vec::new()
    };
    let sums = if large {
        search.sums(&chunks::coarse(&fine, COARSE)).await?
    } else {
        // Without the marker: what agrees at any two moments agrees, and what is late is looked at again.
        let whole = search.statements.sum(&Span::default());
        let (blue, green) = both(search.sides, &whole).await?;
        let read = |rows| chunks::sum(rows).map_err(InspectError::answer(PURPOSE));
        vec![(read(&blue)?, read(&green)?)]
    };
    let rows = |of: fn(&(Sum, Sum)) -> u64| sums.iter().map(of).sum::<u64>();
    result.rows_blue = rows(|(blue, _)| blue.rows);
    result.rows_green = rows(|(_, green)| green.rows);
    if sums.iter().all(|(blue, green)| blue == green) {
        return Ok(());
    }
    let suspects: Vec<Span> = if large {
        fine.chunks(COARSE)
            .zip(&sums)
            .filter(|(_, (blue, green))| blue != green)
            .flat_map(|(spans, _)| spans.iter().cloned())
            .collect()
    } else {
        search
            .spans(result.rows_blue.max(result.rows_green))
            .await?
    };
    let (found, more) = search
        .rows(&suspects, result.rows_blue.max(result.rows_green))
        .await?;
    (result.differing, result.repair) = search.explain(&found).await?;
    result.more = more;
    result.undecided = found.undecided;
    Ok(())
}
