//! The worker's loop on a real broker, with stages that know no language.

mod admin;
mod answers;
mod bombs;
mod child;
mod delivery;
mod faults;
mod group;
mod memory;
mod order;
mod pauses;
mod queues;
mod rejects;
mod stalls;
mod startup;
mod tracing;
mod unstable;
mod worker;
mod zombie;
