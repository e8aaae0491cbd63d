//! Answers that never come.

use copydesk_tests::{Broker, BrokerOptions, Held, Proxy, Topics, wait_until};

use crate::child::{Child, Orders};
use crate::worker::{SOON, articles, assert_each_once, assert_order_per_key};

const COUNT: usize = 100;

#[test]
fn commit_without_an_answer_leads_to_a_new_session_and_no_double() {
    let proxy = Proxy::listen().unwrap();
    let proxy_port = Some(proxy.port());
    let broker = Broker::start_as(BrokerOptions {
        proxy_port,
        ..BrokerOptions::default()
    });
    proxy.lead_to(broker.proxied());
    let topics = Topics::fresh(&broker, 3);
    topics.raw.produce(articles(COUNT, 100));
    let address = format!("127.0.0.1:{}", proxy.port());
    let orders = Orders {
        halts: true,
        ..Orders::default()
    };
    let mut child = Child::start_at(&address, &topics, orders);
    wait_until("it is about to commit", SOON, || child.is_halted());

    let committed = topics.enriched.drain_committed().len();
    proxy.hold_all(Held {
        to_client: true,
        ..Held::default()
    });
    child.signal("CONT");
    topics.enriched.wait_committed(committed + 1, SOON);
    wait_until("it begins anew", SOON, || {
        child.log().contains("will start again")
    });

    let enriched = topics.enriched.wait_committed(COUNT, SOON);
    assert_each_once(&enriched, COUNT);
    assert_order_per_key(&enriched);
    assert_eq!(child.exit(), None, "{}", child.log());
}
