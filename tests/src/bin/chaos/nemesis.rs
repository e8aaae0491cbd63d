//! The nemesis: what goes wrong, and when, all from one seed.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use copydesk_tests::{Broker, Held, Proxy};
use copydesk_worker::Shutdown;
use fastrand::Rng;
use serde_json::json;

use crate::disk::Disk;
use crate::fleet::Fleet;
use crate::history::History;

/// Between two looks at the workers.
const TICK: Duration = Duration::from_millis(50);
/// A broker whose disk is full either ends by then or has not noticed.
const FULL_DISK: Duration = Duration::from_secs(10);
/// Most workers at a time.
const MOST: usize = 5;

/// What the nemesis has done to the broker and to the way there.
#[derive(Debug, Default)]
pub(crate) struct BrokerCounts {
    pub(crate) restarted: AtomicUsize,
    pub(crate) killed: AtomicUsize,
    pub(crate) disk_full: AtomicUsize,
    pub(crate) held_to_broker: AtomicUsize,
    pub(crate) held_to_client: AtomicUsize,
    pub(crate) held_both_ways: AtomicUsize,
    pub(crate) delayed: AtomicUsize,
    pub(crate) cut: AtomicUsize,
}

/// The broker, and the ways to trouble it.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) proxy: Proxy,
    /// None where this process may not mount one.
    pub(crate) disk: Option<Disk>,
}

/// Troubles workers, as long as it is not asked to stop.
pub(crate) fn trouble_workers(fleet: &Mutex<Fleet>, mut random: Rng, stop: &Shutdown) {
    let mut next = Instant::now();
    while !stop.wait_timeout(TICK) {
        let mut fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
        if Instant::now() >= next {
            next = Instant::now() + between(&mut random, 200..2_000);
            match random.u32(..20) {
                0..11 => fleet.kill(),
                11..14 => fleet.halt(),
                14..16 => fleet.rival(),
                16..18 => fleet.stop(),
                _ => fleet.scale(random.usize(1..=MOST)),
            }
        }
        fleet.tend();
    }
}

/// Troubles the broker, as long as it is not asked to stop; leaves it running.
pub(crate) fn trouble_broker(
    world: &World,
    mut random: Rng,
    counts: &BrokerCounts,
    history: &History,
    stop: &Shutdown,
) {
    while !stop.wait_timeout(between(&mut random, 5_000..20_000)) {
        let down = between(&mut random, 0..3_000);
        match (random.u32(..5), &world.disk) {
            (0, Some(disk)) => {
                history.note("disk full", json!(null));
                disk.fill();
                let end = Instant::now() + FULL_DISK;
                while world.broker.is_running() && Instant::now() < end {
                    stop.wait_timeout(TICK);
                }
                disk.free();
                counts.disk_full.fetch_add(1, Ordering::Relaxed);
            }
            (1..3, _) => {
                history.note("stop the broker", json!(null));
                world.broker.stop();
                stop.wait_timeout(down);
                counts.restarted.fetch_add(1, Ordering::Relaxed);
            }
            _ => {
                history.note("kill the broker", json!(null));
                world.broker.kill();
                stop.wait_timeout(down);
                counts.killed.fetch_add(1, Ordering::Relaxed);
            }
        }
        world.broker.restart();
        history.note("broker restarted", json!(null));
    }
}

/// Troubles the network, as long as it is not asked to stop; leaves it healed.
pub(crate) fn trouble_network(
    proxy: &Proxy,
    mut random: Rng,
    counts: &BrokerCounts,
    history: &History,
    stop: &Shutdown,
) {
    while !stop.wait_timeout(between(&mut random, 500..6_000)) {
        let trouble = random.u32(..6);
        let hold = |to_broker, to_client| Held {
            to_broker,
            to_client,
        };
        let (what, count, connections) = match trouble {
            0 => (
                "hold what goes to the broker",
                &counts.held_to_broker,
                proxy.hold(&mut random, hold(true, false)),
            ),
            1 => (
                "hold what comes from the broker",
                &counts.held_to_client,
                proxy.hold(&mut random, hold(false, true)),
            ),
            2 => (
                "hold both ways",
                &counts.held_both_ways,
                proxy.hold(&mut random, hold(true, true)),
            ),
            3 => {
                proxy.delay(between(&mut random, 5..300));
                ("delay", &counts.delayed, 0)
            }
            _ => ("cut", &counts.cut, proxy.cut(&mut random)),
        };
        history.note("network", json!([what, connections]));
        count.fetch_add(1, Ordering::Relaxed);
        if trouble < 4 {
            stop.wait_timeout(between(&mut random, 200..7_000));
            proxy.heal();
            history.note("network healed", json!(null));
        }
    }
}

fn between(random: &mut Rng, ms: Range<u64>) -> Duration {
    Duration::from_millis(random.u64(ms))
}
