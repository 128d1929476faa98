//! The engine with its journal, on a scripted world: crashes at every record, faults at every action, two operators.

mod crash;
mod journal;
mod pause;
mod world;
