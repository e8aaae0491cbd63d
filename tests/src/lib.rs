//! Harness for the tests on a real broker: the broker, its topics, the built program; and for
//! measurements, articles with [`gold`] annotations.
//!
//! Nothing here waits for a time to pass: [`wait_until`] waits for a condition. Nothing skips: a
//! broker that cannot start fails the test.

mod broker;
mod collector;
pub mod gold;
mod process;
mod proxy;
mod topic;
mod wait;

pub use broker::{Broker, BrokerOptions};
pub use collector::{Collector, Span};
pub use process::Process;
pub use proxy::{Held, Proxy};
pub use topic::{Record, Topic, Topics};
pub use wait::{secs, wait_until};
