use crate::domain::{human_bytes, human_duration};
use crate::event::{Gauges, Light};
use crate::profile::Budgets;

/// Why a switch should not begin now: empty for go, `None` while there is nothing to switch.
///
/// This is advice, shown beside the forecast. What decides are the gate's checks and the switch itself, which ask the
/// servers again.
#[must_use]
pub fn no_go(gauges: &Gauges, budgets: &Budgets) -> Option<Vec<String>> {
    if gauges.links.is_empty() {
        return None;
    }
    let mut reasons = Vec::new();
    for server in gauges.silent.keys() {
        reasons.push(format!("{server} does not answer"));
    }
    for (database, link) in &gauges.links {
        if !link.active {
            reasons.push(format!("{database}: the link is down"));
        }
        match link.lag_bytes {
            Some(lag) if lag.unsigned_abs() > budgets.lag_to_enter.0 => reasons.push(format!(
                "{database}: lag is {}, above {}",
                human_bytes(lag.unsigned_abs()),
                budgets.lag_to_enter
            )),
            Some(_) => {}
            None => reasons.push(format!("{database}: lag is not known")),
        }
    }
    if let Some(age) = gauges.longest_transaction
        && age > budgets.longest_transaction
    {
        reasons.push(format!("a transaction is {} old", human_duration(age)));
    }
    match gauges.pause_forecast {
        Some(forecast) if forecast.total() > budgets.write_pause => reasons.push(format!(
            "the pause would take {}, the budget is {}",
            human_duration(forecast.total()),
            human_duration(budgets.write_pause)
        )),
        _ => {}
    }
    let stops = gauges
        .lights
        .iter()
        .filter(|(_, light)| **light == Light::Stop);
    reasons.extend(stops.map(|(id, _)| format!("guardrail {id}")));
    Some(reasons)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::no_go;
    use crate::event::{Gauges, Light, LinkGauge, PauseForecast};
    use crate::profile::{Budgets, parse};

    type Worse = (&'static str, fn(&mut Gauges));

    fn budgets() -> Budgets {
        let sample = include_str!("../../../../sample-profiles/rds-blue-green.toml");
        parse(Path::new("p.toml"), sample)
            .expect("sound")
            .blue_green()
            .expect("one")
            .budgets
    }

    fn well() -> Gauges {
        let link = LinkGauge {
            lag_bytes: Some(0),
            active: true,
            ..LinkGauge::default()
        };
        Gauges {
            links: [("shop".to_owned(), link)].into(),
            ..Gauges::default()
        }
    }

    #[test]
    fn all_well_is_go_and_no_link_is_neither() {
        assert_eq!(no_go(&well(), &budgets()), Some(Vec::new()));
        assert_eq!(no_go(&Gauges::default(), &budgets()), None);
    }

    #[test]
    fn every_reason_is_named() {
        let worse: [Worse; 7] = [
            ("GREEN does not answer", |g| {
                g.silent.insert("GREEN".to_owned(), "timed out".to_owned());
            }),
            ("the link is down", |g| link(g).active = false),
            ("lag is 1.0 TB", |g| link(g).lag_bytes = Some(1 << 40)),
            ("lag is not known", |g| link(g).lag_bytes = None),
            ("a transaction is 1:00:00", |g| {
                g.longest_transaction = Some(Duration::from_secs(3600));
            }),
            ("the pause would take", |g| {
                let hour = Duration::from_secs(3600);
                g.pause_forecast = Some(PauseForecast::of(Duration::ZERO, 0, hour));
            }),
            ("guardrail slot-safe", |g| {
                g.lights.insert("slot-safe".to_owned(), Light::Stop);
            }),
        ];
        for (reason, make_worse) in worse {
            let mut gauges = well();
            make_worse(&mut gauges);
            let reasons = no_go(&gauges, &budgets()).expect("a link");
            assert_eq!(reasons.len(), 1, "{reason}: {reasons:?}");
            assert!(reasons[0].contains(reason), "{reason}: {reasons:?}");
        }
    }

    fn link(gauges: &mut Gauges) -> &mut LinkGauge {
        gauges.links.entry("shop".to_owned()).or_default()
    }
}
