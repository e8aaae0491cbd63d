//! `copydesk replay`: dead letters back to where they came from. `copydesk_worker::replay` says how.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use copydesk_worker::Replay;
use copydesk_worker::replay::{DeadLetter, Fate, Request, Selection};
use serde_json::json;

use crate::Outcome;
use crate::cli::{LetterFormat, ReplayArgs};
use crate::config::Config;

/// Sends back what the flags select, and counts it by reason.
pub(crate) fn run(args: &ReplayArgs, config: &Config) -> anyhow::Result<Outcome> {
    let settings = config.replay(args.group.as_deref());
    let group = settings.kafka.group.clone();
    let request = Request {
        selection: selection(args),
        limit: args.limit,
        dry_run: args.dry_run,
        origins: vec![config.topics.raw.clone(), config.topics.tagged.clone()],
    };
    let mut report = Report::new(args);
    let replay = Replay::open(settings, request).context("begin the replay")?;
    let replayed = replay.run(&mut |letter, fate| report.note(letter, &fate));
    let outcome = report.finish();
    replayed.with_context(|| format!("go on with the replay of group {group}; run it again"))?;
    Ok(outcome)
}

fn selection(args: &ReplayArgs) -> Selection {
    let millis = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    };
    Selection {
        reasons: args.reason.clone(),
        stages: args.stage.clone(),
        topics: args.topic.clone(),
        since_ms: args.since.map(millis),
        until_ms: args.until.map(millis),
    }
}

/// What there is to say about a replay.
struct Report {
    done: &'static str,
    /// How to show each letter, where that was asked for.
    format: Option<LetterFormat>,
    sent: BTreeMap<String, u64>,
    kept: u64,
}

impl Report {
    fn new(args: &ReplayArgs) -> Self {
        let done = match args.dry_run {
            true => "would be sent back",
            false => "sent back",
        };
        Self {
            done,
            format: args.dry_run.then_some(args.format),
            sent: BTreeMap::new(),
            kept: 0,
        }
    }

    fn note(&mut self, letter: &DeadLetter, fate: &Fate) {
        match fate {
            Fate::Sent => {
                *self.sent.entry(letter.reason().to_owned()).or_default() += 1;
                self.show(letter);
            }
            Fate::Kept(why) => {
                self.kept += 1;
                let (partition, kafka_offset) = (letter.partition(), letter.kafka_offset());
                let why = printable(&why.to_string());
                eprintln!("copydesk: dead letter {partition}/{kafka_offset} stays: {why}");
            }
            _ => {}
        }
    }

    fn show(&mut self, letter: &DeadLetter) {
        let line = match self.format {
            None => return,
            Some(LetterFormat::Json) => json_line(letter),
            Some(LetterFormat::Table) => table_line(letter),
        };
        // Nobody reads on (`| head`): the counts are of use still.
        if writeln!(io::stdout(), "{line}").is_err() {
            self.format = None;
        }
    }

    fn finish(&self) -> Outcome {
        for (reason, count) in &self.sent {
            eprintln!("{count:>8}  {}", printable(reason));
        }
        eprintln!(
            "{} dead letters {}",
            self.sent.values().sum::<u64>(),
            self.done
        );
        match self.kept {
            0 => Outcome::Complete,
            kept => {
                eprintln!("copydesk: {kept} cannot be sent back, for the reasons above");
                Outcome::Incomplete
            }
        }
    }
}

fn json_line(letter: &DeadLetter) -> String {
    json!({
        "partition": letter.partition(),
        "offset": letter.kafka_offset(),
        "time": time(letter),
        "origin": {
            "topic": letter.origin_topic(),
            "partition": letter.origin_partition(),
            "offset": letter.origin_offset(),
        },
        "stage": letter.stage(),
        "reason": letter.reason(),
        "detail": letter.detail(),
        "replays": letter.replays(),
        "bytes": letter.bytes(),
    })
    .to_string()
}

fn table_line(letter: &DeadLetter) -> String {
    let number = |number: Option<i64>| number.map_or("?".to_owned(), |number| number.to_string());
    let origin = format!(
        "{}/{}/{}",
        letter.origin_topic().unwrap_or("?"),
        number(letter.origin_partition().map(i64::from)),
        number(letter.origin_offset())
    );
    let line = format!(
        "{}/{:<8} {:<24} {origin:<28} {:<9} {:<16} {:>9} B  {}",
        letter.partition(),
        letter.kafka_offset(),
        time(letter).unwrap_or_default(),
        letter.stage(),
        letter.reason(),
        letter.bytes(),
        letter.detail()
    );
    printable(&line)
}

/// Headers are anybody's: what would move a terminal's cursor becomes a space.
fn printable(line: &str) -> String {
    let visible = |char: char| if char.is_control() { ' ' } else { char };
    line.trim_end().chars().map(visible).collect()
}

fn time(letter: &DeadLetter) -> Option<String> {
    let millis = u64::try_from(letter.timestamp_ms()?).ok()?;
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
    // Its display fails beyond the year 9999.
    let year_9999 = Duration::from_secs(253_402_300_799);
    (millis <= year_9999.as_secs() * 1000)
        .then(|| humantime::format_rfc3339_millis(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_header_cannot_move_the_cursor() {
        assert_eq!(printable("Zoë\u{1b}[2J 👩‍🚀\r\n"), "Zoë [2J 👩‍🚀");
    }
}
