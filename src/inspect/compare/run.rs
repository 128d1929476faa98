use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    (blue, green): (&Place, &Place),
    options: &CompareOptions,
    watch: &dyn CompareWatcher,
) -> Result<Comparison, InspectError> {
    let open = |place| Pool::open(databases, place, options.sessions, options.statement_limit);
    let (blue, green) = futures_util::future::try_join(open(blue), open(green)).await?;
    let sides = Sides { blue, green };
    let stopped = async {
        while !watch.stopped() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::select! {
        found = whole(&sides, options, watch) => return found,
        () = stopped => InspectError::Stopped,
        () = tokio::time::sleep(options.limit) => InspectError::Compare(format!(
            "it was not done within {:?}, the limit, and was given up; give it more time, or fewer tables",
            options.limit
        )),
    };
    futures_util::future::join(sides.blue.cancel(), sides.green.cancel()).await;
    Err(ended)
}

async fn whole(
    sides: &Sides,
    options: &CompareOptions,
    watch: &dyn CompareWatcher,
) -> Result<Comparison, InspectError> {
    settle_sessions(sides).await?;
    let link = Link::find(
        sides.blue.first(),
        sides.green.first(),
        options.marker_limit,
    )
    .await?;
    let mut tables = tables(sides, options).await?;
    // The largest first, so that no long one is left for the end.
    tables
        .plans
        .sort_by_key(|plan| std::cmp::Reverse(plan.bytes));
    let total: u64 = tables.plans.iter().map(|plan| plan.bytes).sum();
    let (done, count) = (AtomicU64::new(0), tables.plans.len());
    let each = tables.plans.iter().enumerate().map(async |(at, plan)| {
        watch.progress(
            &format!(
                "{}.{} ({} of {count}), {} of {} compared",
                plan.schema,
                plan.name,
                at + 1,
                human_bytes(done.load(Ordering::Relaxed)),
                human_bytes(total)
            ),
            Some(done.load(Ordering::Relaxed) as f64 / total.max(1) as f64),
        );
        let search = Search {
            sides,
            link: link.as_ref(),
            options,
            watch,
            statements: Statements::new(plan, options.strict_text),
        };
        let found = table(&search, plan).await?;
        done.fetch_add(plan.bytes, Ordering::Relaxed);
        watch.table(&found);
        Ok::<_, InspectError>(found)
    });
    let mut compared: Vec<TableComparison> = stream::iter(each)
        .buffer_unordered(options.sessions.max(1))
        .try_collect()
        .await?;
    compared.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Ok(Comparison {
        equal: compared.iter().all(|table| table.equal),
        tables: compared,
        skipped: tables.skipped,
    })
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
    futures_util::future::try_join(sides.blue.set(&settings), sides.green.set(&settings)).await?;
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
    futures_util::future::try_join(sides.blue.query(sql), sides.green.query(sql))
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
    let (blue, green) = futures_util::future::try_join(ask(&sides.blue), ask(&sides.green)).await?;
    catalog::pair(&blue, &green, options)
}

/// One table. What a server refuses is the table's problem; a lost connection is everybody's.
async fn table(search: &Search<'_>, plan: &Plan) -> Result<TableComparison, InspectError> {
    let mut result = TableComparison {
        schema: plan.schema.clone(),
        name: plan.name.clone(),
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
