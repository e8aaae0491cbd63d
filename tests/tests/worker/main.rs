//! The worker's loop on a real broker, with stages that know no language.

mod admin;
mod faults;
mod group;
mod order;
mod rejects;
mod startup;
mod worker;
