//! Building GREEN: snapshot, upgrade, restore, in either order. Changes nothing on BLUE but its probe rows; opens GREEN
//! to nobody (fencing it is the next step's business).

mod facts;

pub use facts::*;
