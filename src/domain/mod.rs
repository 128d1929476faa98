//! Pure values of the field: log positions, versions, servers, statements. No IO, no knowledge of any other module.

mod conninfo;
pub mod held_file;
mod lsn;
mod node;
mod percent;
mod size;
pub mod sql;
mod version;
mod visible;

pub use conninfo::Conninfo;
pub use lsn::{Lsn, LsnError};
pub use node::{Node, Place};
pub use percent::percent_encoded;
pub use size::{ByteSize, human_bytes, human_duration};
pub use sql::Sql;
pub use version::PgVersion;
pub use visible::{visible_char, visible_lines};
