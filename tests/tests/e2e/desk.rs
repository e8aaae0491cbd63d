//! Topics and services of one test.

use std::io::{Read, Write};
use std::net::TcpStream;

use copydesk_proto::{Article, Format, decode};
use copydesk_tests::{Broker, Process, Record, Topic, Topics, secs};

use crate::article::{id, raw};
use crate::program::{self, Ended};

/// A test's own topics, and the settings that point the program at them.
pub(crate) struct Desk {
    pub(crate) topics: Topics,
    pub(crate) tagged: Topic,
}

impl Desk {
    /// Topics of two partitions each, on the shared broker.
    pub(crate) fn fresh() -> Self {
        let broker = Broker::shared();
        Self {
            topics: Topics::fresh(broker, 2),
            tagged: Topic::fresh(broker, "tagged", 2, &[]),
        }
    }

    /// Starts a service with more arguments.
    pub(crate) fn run(&self, service: &str, more: &[&str]) -> Process {
        self.start(&["run", service], more)
    }

    /// Starts a command on these topics, with more arguments.
    pub(crate) fn start(&self, command: &[&str], more: &[&str]) -> Process {
        let owned = |&argument: &&str| argument.to_owned();
        let mut arguments: Vec<String> = command.iter().map(owned).collect();
        arguments.extend(self.arguments());
        arguments.extend(more.iter().map(owned));
        Process::spawn(arguments, [("NO_COLOR", "1")])
    }

    /// Runs a command on these topics to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Ended {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        program::run(arguments.chain(self.arguments()))
    }

    /// Broker, topics and a group of the test's own; the model on
    /// one core, as other tests run at the same time.
    fn arguments(&self) -> Vec<String> {
        let Topics {
            raw,
            enriched,
            dead_letters,
        } = &self.topics;
        let settings = [
            ("kafka.brokers", Broker::shared().bootstrap()),
            ("kafka.instance", &raw.name),
            ("kafka.group", &format!("{}.{{service}}", raw.name)),
            ("kafka.session_timeout_ms", "6000"),
            ("topics.raw", &raw.name),
            ("topics.tagged", &self.tagged.name),
            ("topics.enriched", &enriched.name),
            ("topics.dead_letters", &dead_letters.name),
            ("admin.bind", "127.0.0.1:0"),
            ("encoder.threads", "1"),
        ];
        let flag = |(name, value)| ["--set".to_owned(), format!("{name}={value}")];
        settings.into_iter().flat_map(flag).collect()
    }

    /// Sends the first `count` articles.
    pub(crate) fn produce(&self, count: usize) {
        self.topics
            .raw
            .produce((0..count).map(|i| Record::new(raw(i)).key(id(i))));
    }

    /// Waits for `count` enriched articles, and returns them in the order of their ids.
    pub(crate) fn enriched(&self, count: usize) -> Vec<Article> {
        articles(&self.topics.enriched.wait_committed(count, secs(180)))
    }
}

/// Records as articles, in the order of their ids.
pub(crate) fn articles(records: &[Record]) -> Vec<Article> {
    let article = |record: &Record| {
        let value = record.value.as_deref().unwrap();
        decode(value, Format::Json, []).unwrap()
    };
    let mut articles: Vec<_> = records.iter().map(article).collect();
    articles.sort_by(|one, other| one.id.cmp(&other.id));
    articles
}

/// The ids of articles.
pub(crate) fn ids_of(articles: &[Article]) -> Vec<&str> {
    articles.iter().map(|article| article.id.as_str()).collect()
}

/// Address of the admin port of a service, from a log line of either form.
pub(crate) fn admin(process: &Process) -> String {
    process.wait_log("admin", secs(20));
    let log = process.log();
    let rest = log.split("admin").nth(1).unwrap();
    let rest = rest.trim_start_matches(['=', ':', '"']);
    let end = |char: char| char.is_whitespace() || char == '"';
    rest.split(end).next().unwrap().to_owned()
}

/// Asks the admin port of a service: status and body.
pub(crate) fn get(process: &Process, path: &str) -> (u16, String) {
    request(process, "GET", path, "")
}

/// Asks the admin port of a service with a body: status and body.
pub(crate) fn request(process: &Process, method: &str, path: &str, body: &str) -> (u16, String) {
    let address = admin(process);
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}
