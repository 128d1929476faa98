use super::{PausePart, PauseReport};
use crate::runbook::PauseEvent;

impl PauseReport {
    /// A pause that began at `at`.
    pub(super) fn begun(at: String, step: String, parts: &[String], budget_ms: u64) -> Self {
        let part = |name: &String| PausePart {
            name: name.clone(),
            from_us: None,
            took_us: None,
            detail: String::new(),
        };
        Self {
            at,
            step,
            budget_ms,
            took_us: None,
            taken_back: false,
            forecast: None,
            canary: None,
            no_return_us: None,
            parts: parts.iter().map(part).collect(),
        }
    }

    /// Takes in what came `since` microseconds after the beginning.
    pub(super) fn go_on(&mut self, since: Option<u64>, event: &PauseEvent) {
        match event {
            PauseEvent::Forecast { forecast } => self.forecast = Some(forecast.to_string()),
            PauseEvent::Begun { .. }
            | PauseEvent::Armed { .. }
            | PauseEvent::Disarmed
            | PauseEvent::WayBackIsRollback
            | PauseEvent::Left { .. } => {}
            PauseEvent::Part { index } => {
                if let Some(part) = self.parts.get_mut(*index) {
                    part.from_us = since;
                }
            }
            PauseEvent::PartDone {
                index,
                took_us,
                detail,
            } => {
                if let Some(part) = self.parts.get_mut(*index) {
                    part.took_us = Some(*took_us);
                    detail.clone_into(&mut part.detail);
                }
            }
            PauseEvent::Canary { seen } => self.canary = Some(seen.clone()),
            PauseEvent::PointOfNoReturn => self.no_return_us = since,
            PauseEvent::Ended {
                took_us,
                taken_back,
            } => {
                self.took_us = Some(*took_us);
                self.taken_back = *taken_back;
            }
        }
    }
}
