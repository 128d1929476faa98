//! Pieces of screens: small functions from the scene to lines and cells. They change nothing.

pub mod bar;
pub mod footer;
pub mod gauges;
pub mod header;
pub mod paint;
pub mod sections;
pub mod spark;
pub mod trail;
