use crate::tui::model::Series;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last samples of a gauge as a line of bars, the highest of them full; a gap where there was no reading.
#[must_use]
pub fn spark(series: &Series, cells: usize) -> String {
    let peak = series.peak(cells).unwrap_or(0.0);
    let bar = |sample: Option<f64>| match sample {
        None => ' ',
        Some(value) => LEVELS[level(value, peak, LEVELS.len())],
    };
    let bars: String = series.last(cells).map(bar).collect();
    let missing = cells.saturating_sub(bars.chars().count());
    " ".repeat(missing) + &bars
}

/// Which of `levels` stands for a value; nothing is the lowest, and so is everything when the peak is nothing.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the levels before the cast"
)]
fn level(value: f64, peak: f64, levels: usize) -> usize {
    if peak <= 0.0 {
        return 0;
    }
    let top = (levels - 1) as f64;
    (value / peak * top).round().clamp(0.0, top) as usize
}

/// The same several rows high, from the top row down.
#[must_use]
pub fn tall(series: &Series, cells: usize, rows: usize) -> Vec<String> {
    let peak = series.peak(cells).unwrap_or(0.0);
    let steps = rows * LEVELS.len();
    let heights: Vec<Option<usize>> = series
        .last(cells)
        .map(|sample| sample.map(|value| level(value, peak, steps) + 1))
        .collect();
    let row = |row: usize| {
        let floor = (rows - 1 - row) * LEVELS.len();
        let cell = |height: &Option<usize>| match height.map(|height| height.saturating_sub(floor))
        {
            None | Some(0) => ' ',
            Some(height) => LEVELS[height.min(LEVELS.len()) - 1],
        };
        let bars: String = heights.iter().map(cell).collect();
        " ".repeat(cells.saturating_sub(heights.len())) + &bars
    };
    (0..rows).map(row).collect()
}
