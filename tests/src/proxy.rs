//! A TCP proxy in front of the broker that delays, cuts and holds connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use fastrand::Rng;

/// What was held is remembered for so long after it has gone on. Whoever that harms finds out in
/// its next transaction, but may be halted before.
const REMEMBERED: Duration = Duration::from_secs(20);
/// What comes so soon after a hold may have waited behind what was held.
const BEHIND: Duration = Duration::from_millis(200);

/// A proxy that listens for as long as the process lives.
#[derive(Clone, Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    broker: Option<SocketAddr>,
    /// How late everything is.
    delay: Duration,
    links: Vec<Link>,
    last_id: u64,
    /// What was held on its way to the broker, and when it went on.
    late: Vec<(Instant, Vec<u8>)>,
}

/// A connection of a client, and the one to the broker that it is joined to.
#[derive(Debug)]
struct Link {
    id: u64,
    client: TcpStream,
    broker: TcpStream,
    /// Which ways it is half-open now: what is sent waits, until the proxy is healed.
    held: Held,
    /// When what was held on its way to the broker went on.
    released: Option<Instant>,
}

/// Ways of a connection that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// What clients send waits.
    pub to_broker: bool,
    /// What the broker answers waits.
    pub to_client: bool,
}

#[derive(Clone, Copy)]
enum Way {
    ToBroker,
    ToClient,
}

impl Proxy {
    /// Listens on a free port; connections are refused until it is told where the broker is.
    pub fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A broker that is down refuses: so does the proxy, by closing at once.
                theirs.join(client).ok();
            }
        });
        Ok(Self { port, shared })
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says where the broker is.
    pub fn lead_to(&self, broker: SocketAddr) {
        self.shared.lock().broker = Some(broker);
    }

    /// Makes everything late.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Cuts each connection with a probability of a half; how many.
    pub fn cut(&self, random: &mut Rng) -> usize {
        let state = self.shared.lock();
        let unlucky = state.links.iter().filter(|_| random.bool());
        unlucky.map(Link::cut).count()
    }

    /// Holds each connection with a probability of a half; how many. Those made later are not held,
    /// so that what a client sends again may overtake what it has sent before.
    pub fn hold(&self, random: &mut Rng, held: Held) -> usize {
        let mut state = self.shared.lock();
        let unlucky = state.links.iter_mut().filter(|_| random.bool());
        unlucky.map(|link| link.held = held).count()
    }

    /// Holds all connections that there are.
    pub fn hold_all(&self, held: Held) {
        for link in &mut self.shared.lock().links {
            link.held = held;
        }
    }

    /// Whether something with all these bytes in it has come late to the broker, since then.
    pub fn has_brought_late(&self, parts: &[&[u8]], since: Instant) -> bool {
        let contains = |bytes: &[u8], part: &&[u8]| {
            let mut windows = bytes.windows(part.len());
            windows.any(|window| window == *part)
        };
        self.shared.lock().late.iter().any(|(at, bytes)| {
            let is_recent = *at >= since && at.elapsed() < REMEMBERED;
            is_recent && parts.iter().all(|part| contains(bytes, part))
        })
    }

    /// Lets everything pass again; what was held goes its way, late.
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.delay = Duration::ZERO;
        for link in &mut state.links {
            if link.held.to_broker {
                link.released = Some(Instant::now());
            }
            link.held = Held::default();
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins a client to the broker, by a thread for each way.
    fn join(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let address = self.lock().broker.ok_or(io::ErrorKind::ConnectionRefused)?;
        let broker = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        for stream in [&client, &broker] {
            stream.set_nodelay(true)?;
        }
        let ways = [
            (Way::ToBroker, client.try_clone()?, broker.try_clone()?),
            (Way::ToClient, broker.try_clone()?, client.try_clone()?),
        ];
        let id = self.add(client, broker);
        for (way, from, to) in ways {
            let shared = Arc::clone(self);
            thread::spawn(move || {
                // An error ends the connection, as it would without a proxy.
                shared.pump(id, way, &from, &to).ok();
                to.shutdown(Shutdown::Write).ok();
                if matches!(way, Way::ToClient) {
                    shared.remove(id);
                }
            });
        }
        Ok(())
    }

    fn add(&self, client: TcpStream, broker: TcpStream) -> u64 {
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        let held = Held::default();
        state.links.push(Link {
            id,
            client,
            broker,
            held,
            released: None,
        });
        id
    }

    fn remove(&self, id: u64) {
        self.lock().links.retain(|link| link.id != id);
    }

    fn pump(&self, id: u64, way: Way, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 1 << 14];
        loop {
            let length = from.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            self.wait(id, way);
            if matches!(way, Way::ToBroker) {
                self.lock().remember_late(id, &buffer[..length]);
            }
            to.write_all(&buffer[..length])?;
        }
    }

    /// Waits for the delay, and for as long as the connection is held.
    fn wait(&self, id: u64, way: Way) {
        let is_held = |state: &mut State| {
            let link = state.links.iter().find(|link| link.id == id);
            link.is_some_and(|link| match way {
                Way::ToBroker => link.held.to_broker,
                Way::ToClient => link.held.to_client,
            })
        };
        let state = self.changed.wait_while(self.lock(), is_held);
        let end = Instant::now() + state.unwrap_or_else(PoisonError::into_inner).delay;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            thread::park_timeout(left);
        }
    }
}

impl State {
    /// Remembers what is about to pass to the broker, if it was held or comes from a client that is
    /// gone.
    fn remember_late(&mut self, id: u64, bytes: &[u8]) {
        let link = self.links.iter().find(|link| link.id == id);
        let was_held = |released: Instant| released.elapsed() < BEHIND;
        if link.is_none_or(|link| link.released.is_some_and(was_held)) {
            self.late.retain(|(at, _)| at.elapsed() < REMEMBERED);
            self.late.push((Instant::now(), bytes.to_vec()));
        }
    }
}

impl Link {
    fn cut(&self) {
        for stream in [&self.client, &self.broker] {
            // Fails where it is closed already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_BROKER: Held = Held {
        to_broker: true,
        to_client: false,
    };
    const TO_CLIENT: Held = Held {
        to_broker: false,
        to_client: true,
    };

    /// A client and the broker's end of its connection, through a proxy.
    fn joined() -> (Proxy, TcpStream, TcpStream) {
        let broker = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Proxy::listen().unwrap();
        proxy.lead_to(broker.local_addr().unwrap());
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let (end, _) = broker.accept().unwrap();
        (proxy, client, end)
    }

    fn hold_all(proxy: &Proxy, held: Held) {
        let mut random = Rng::with_seed(1);
        while proxy.hold(&mut random, held) == 0 {}
    }

    fn received(stream: &mut TcpStream) -> [u8; 4] {
        let mut bytes = [0; 4];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn held_bytes_arrive_after_the_client_is_gone() {
        let (proxy, mut client, mut end) = joined();
        hold_all(&proxy, TO_BROKER);
        client.write_all(b"late").unwrap();
        drop(client);
        end.set_nonblocking(true).unwrap();
        assert!(end.read(&mut [0; 4]).is_err());
        end.set_nonblocking(false).unwrap();

        proxy.heal();

        assert_eq!(&received(&mut end), b"late");
    }

    #[test]
    fn only_what_was_held_has_come_late() {
        let (proxy, mut client, mut end) = joined();
        let start = Instant::now();
        client.write_all(b"prompt").unwrap();
        end.read_exact(&mut [0; 6]).unwrap();
        hold_all(&proxy, TO_BROKER);
        client.write_all(b"late").unwrap();

        proxy.heal();
        received(&mut end);

        assert!(proxy.has_brought_late(&[b"la", b"te"], start));
        assert!(!proxy.has_brought_late(&[b"late"], Instant::now()));
        assert!(!proxy.has_brought_late(&[b"prompt"], start));
    }

    #[test]
    fn half_open_connection_passes_the_other_way() {
        let (proxy, mut client, mut end) = joined();
        hold_all(&proxy, TO_CLIENT);

        client.write_all(b"ping").unwrap();

        assert_eq!(&received(&mut end), b"ping");
    }

    #[test]
    fn cut_connection_ends_on_both_sides() {
        let (proxy, mut client, mut end) = joined();

        let mut random = Rng::with_seed(1);
        while proxy.cut(&mut random) == 0 {}

        assert_eq!(client.read(&mut [0; 4]).unwrap_or(0), 0);
        assert_eq!(end.read(&mut [0; 4]).unwrap_or(0), 0);
    }
}
