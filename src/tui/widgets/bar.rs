/// A bar of `cells` cells, this share of it filled.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a few cells, clamped"
)]
pub fn bar(share: f64, cells: usize) -> String {
    let halves = (share.clamp(0.0, 1.0) * cells as f64 * 2.0).round() as usize;
    let mut bar = "█".repeat(halves / 2);
    if halves % 2 == 1 {
        bar.push('▌');
    }
    bar + &"░".repeat(cells - halves.div_ceil(2))
}
