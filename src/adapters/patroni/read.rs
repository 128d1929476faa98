//! Answers of the REST API, of either version.

use serde_json::Value;

use crate::domain::Lsn;
use crate::ports::{Cluster, Member, MemberStatus, Role, Timeline};

pub(super) fn cluster(answer: &Value) -> Result<Cluster, String> {
    let members = answer["members"]
        .as_array()
        .ok_or("its answer to /cluster lists no members")?;
    Ok(Cluster {
        members: members.iter().map(member).collect::<Result<_, _>>()?,
        paused: answer["pause"].as_bool().unwrap_or(false),
        switchover: answer.get("scheduled_switchover").is_some(),
    })
}

fn member(entry: &Value) -> Result<Member, String> {
    let text = |key: &str| {
        entry[key]
            .as_str()
            .ok_or_else(|| format!("a member in /cluster has no {key}"))
    };
    let tags = entry["tags"].as_object();
    Ok(Member {
        name: text("name")?.to_owned(),
        role: Role::of(text("role")?),
        state: text("state").unwrap_or("unknown").to_owned(),
        timeline: number(&entry["timeline"]),
        tags: tags
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    })
}

pub(super) fn status(answer: &Value) -> Result<MemberStatus, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let state = answer["state"]
        .as_str()
        .ok_or("its answer to /patroni names no state")?;
    Ok(MemberStatus {
        role: Role::of(answer["role"].as_str().unwrap_or_default()),
        state: state.to_owned(),
        timeline: number(&answer["timeline"]),
        version: text(&answer["patroni"]["version"]),
        scope: text(&answer["patroni"]["scope"]),
    })
}

pub(super) fn history(answer: &Value) -> Result<Vec<Timeline>, String> {
    let lines = answer
        .as_array()
        .ok_or("its answer to /history is no list")?;
    let line = |entry: &Value| {
        Some(Timeline {
            number: number(&entry[0])?,
            ended_at: Lsn(entry[1].as_u64()?),
            reason: entry[2].as_str().unwrap_or_default().to_owned(),
        })
    };
    lines
        .iter()
        .map(|entry| line(entry).ok_or_else(|| format!("a line of /history reads {entry}")))
        .collect()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{cluster, history, status};
    use crate::domain::Lsn;
    use crate::ports::Role;

    #[test]
    fn roles_and_states_of_both_versions() {
        for (leader, state) in [
            ("leader", "running"),
            ("master", "running"),
            ("primary", "streaming"),
        ] {
            let read = cluster(&json!({"members": [
                {"name": "pg1", "role": leader, "state": state, "timeline": 3},
                {"name": "pg3", "role": "replica", "state": "streaming", "timeline": 3, "lag": "unknown",
                 "tags": {"nofailover": true, "nosync": false}},
                {"name": "pg4", "role": "replica", "state": "start failed"},
            ], "pause": true}))
            .expect("sound");
            assert_eq!(read.leaders()[0].name, "pg1", "{leader}");
            assert!(read.paused && !read.switchover);
            let held = read.member("pg3").expect("there");
            assert!(held.is_up() && held.has("nofailover") && !held.has("nosync"));
            assert!(!read.member("pg4").expect("there").is_up());
        }
        let read = status(&json!({"state": "running", "role": "master", "timeline": 2,
            "patroni": {"version": "3.0.2", "scope": "shop"}}))
        .expect("sound");
        assert_eq!((read.role, read.version.as_str()), (Role::Primary, "3.0.2"));
    }

    #[test]
    fn a_timeline_ends_where_its_number_says() {
        let lines = json!([[
            1,
            50_331_808,
            "at restore point \"p\"",
            "2026-01-01T00:00:00+00:00",
            "pg3"
        ]]);
        let read = history(&lines).expect("sound");
        assert_eq!((read[0].number, read[0].ended_at), (1, Lsn(0x0300_00A0)));
        assert!(history(&json!([["x"]])).is_err() && history(&json!({})).is_err());
        assert!(cluster(&json!({})).is_err() && status(&json!({})).is_err());
    }
}
