//! The admin port of a worker.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use copydesk_tests::{Broker, Record, Topics, wait_until};
use copydesk_worker::{Admin, Error, Health, Metrics};

use crate::worker::{Running, SOON, Stuck, config};

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .expect("the port takes requests");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the port answers");
    answer
}

#[test]
fn port_tells_readiness_and_metrics() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    topics.raw.produce([Record::new("a"), Record::new("{")]);
    let worker = Running::start(config(broker, &topics));
    let (registry, health) = (worker.metrics.registry().clone(), worker.health.clone());
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), registry, health).unwrap();
    let get = |path| get(admin.address(), path);

    topics.enriched.wait_committed(1, SOON);
    wait_until("all is counted", SOON, || {
        let metrics = get("/metrics");
        metrics.contains("copydesk_records_rejected_total{reason=\"bad_json\",stage=\"decode\"} 1")
            && metrics.contains("_rejected_total{reason=\"stage_panicked\",stage=\"shout\"} 0")
            && metrics.contains(&format!(
                "copydesk_lag_records{{partition=\"0\",topic=\"{}\"}} 0",
                topics.raw.name
            ))
    });

    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics");
    for line in [
        "copydesk_records_consumed_total 2",
        "copydesk_records_enriched_total 1",
        "copydesk_partitions_assigned 1",
        "copydesk_in_flight_bytes 0",
        "copydesk_ready 1",
        "copydesk_build_info{version=\"test\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}

#[test]
fn port_says_why_a_worker_is_not_ready() {
    let metrics = Metrics::new("test");
    let health = Health::new(&metrics);
    let admin = Admin::bind(
        "127.0.0.1:0".parse().unwrap(),
        metrics.registry().clone(),
        health,
    )
    .unwrap();

    let answer = get(admin.address(), "/readyz");

    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("not ready: starting"), "{answer}");
}

fn admin() -> Admin {
    let metrics = Metrics::new("test");
    let health = Health::new(&metrics);
    let address = ([127, 0, 0, 1], 0).into();
    Admin::bind(address, metrics.registry().clone(), health).expect("a port is free")
}

#[test]
fn clients_that_never_finish_are_cut_off() {
    let admin = admin();
    let slow = |_| {
        let mut stream = TcpStream::connect(admin.address()).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ").unwrap();
        stream
    };
    let slow: Vec<_> = (0..100).map(slow).collect();

    let answer = get(admin.address(), "/healthz");

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for mut stream in slow {
        // The end, or that the connection was reset: in any case it ends.
        drop(stream.read_to_end(&mut Vec::new()));
    }
}

#[test]
fn huge_and_broken_requests_are_refused() {
    let admin = admin();
    let headers: String = (0..10_000).map(|i| format!("x{i}: y\r\n")).collect();
    let requests = [
        format!(
            "GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n",
            "y".repeat(4 << 20)
        ),
        format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(4 << 20)),
        format!("GET / HTTP/1.1\r\n{headers}\r\n"),
        "\u{16}\u{3}\u{1}".repeat(1000),
    ];

    for request in requests {
        let mut stream = TcpStream::connect(admin.address()).unwrap();
        // Both fail where the port has heard enough.
        stream.write_all(request.as_bytes()).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        let answer = String::from_utf8_lossy(&answer);
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(is_refused, "{answer}");
    }

    assert!(get(admin.address(), "/healthz").starts_with("HTTP/1.1 200"));
}

#[test]
fn worker_stuck_in_a_stage_is_not_alive_until_it_goes_on() {
    let broker = Broker::shared();
    let topics = Topics::fresh(broker, 1);
    let mut config = config(broker, &topics);
    config.limits.article_timeout_ms = 100;
    config.limits.stall_timeout_ms = 1_000;
    let (go_on, told) = mpsc::channel();
    let worker = Running::start_with(config, vec![Box::new(Stuck(told))]);
    let (registry, health) = (worker.metrics.registry().clone(), worker.health.clone());
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), registry, health).unwrap();
    let get = |path| get(admin.address(), path);
    worker.wait_ready();
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));

    topics.raw.produce([Record::new("a")]);
    wait_until("it is stalled", SOON, || {
        get("/healthz").starts_with("HTTP/1.1 503")
    });
    let (why, metrics) = (get("/healthz"), get("/metrics"));
    drop(go_on);

    assert!(why.contains("work waits"), "{why}");
    assert!(metrics.contains("copydesk_stalled 1"), "{metrics}");
    topics.enriched.wait_committed(1, SOON);
    wait_until("it is alive again", SOON, || {
        get("/healthz").starts_with("HTTP/1.1 200")
    });
}

#[test]
fn taken_port_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let metrics = Metrics::new("test");
    let health = Health::new(&metrics);

    let error = Admin::bind(address, metrics.registry().clone(), health).unwrap_err();

    assert!(matches!(error, Error::Bind { .. }));
    assert!(error.to_string().contains(&address.to_string()));
}
