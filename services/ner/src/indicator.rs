//! Indicators: what a rule finds more surely than a model, because of how it is written.
//!
//! Each kind is a pattern and, where a pattern is not enough, a check of its own: an address must
//! parse, a domain must end in a top-level domain, a wallet's checksum must hold. Security writers
//! "defang" addresses (`hxxp://a[.]example`); these are found, and their usual form becomes the id.

use std::net::IpAddr;
use std::sync::LazyLock;

use linkify::{LinkFinder, LinkKind};
use regex::{Captures, Regex};

use crate::{Entity, Origin};

/// A kind of indicator.
struct Kind {
    label: &'static str,
    pattern: Regex,
    /// Gives the usual form of what the pattern matched, or `None` where it is something else.
    check: fn(&str) -> Option<String>,
}

/// A stop, plain or defanged.
const DOT: &str = r"(?:\.|\[\.\]|\(\.\)|\[dot\])";

/// The labels that rules give.
pub const RULE_LABELS: [&str; 8] = [
    "ATTACK_TECHNIQUE",
    "CVE",
    "DOMAIN",
    "EMAIL",
    "HASH",
    "IP",
    "URL",
    "WALLET",
];

/// The kinds that patterns find; of two that overlap the one that is listed first stays.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kind = |label, pattern: &str, check| Kind {
        label,
        pattern: Regex::new(pattern).expect("the pattern is part of the program and tested"),
        check,
    };
    let octets = format!(r"\b[0-9]{{1,3}}(?:{DOT}[0-9]{{1,3}}){{3}}\b");
    let domain = format!(r"\b(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?{DOT})+[a-z]{{2,24}}\b");
    vec![
        kind(
            "URL",
            r"\bhxxps?(?:://|\[:\]//)[^\s<>\x22“”]+[^\s<>\x22“”.,;:!?)\]]",
            |url| Some(refang(url)),
        ),
        kind(
            "CVE",
            r"(?i)\bCVE[-–‑ ][0-9]{4}[-–‑][0-9]{4,7}\b",
            |cve| Some(usual_cve(cve)),
        ),
        kind(
            "HASH",
            r"\b(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{64}|[0-9a-fA-F]{40}|[0-9a-fA-F]{32})\b",
            hash,
        ),
        kind("WALLET", r"\b0x[0-9a-fA-F]{40}\b", |wallet| {
            Some(wallet.to_owned())
        }),
        kind(
            "WALLET",
            r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b",
            base58_wallet,
        ),
        kind("WALLET", r"\bbc1[02-9ac-hj-np-z]{8,87}\b", bech32_wallet),
        kind("ATTACK_TECHNIQUE", r"\bT1[0-9]{3}(?:\.[0-9]{3})?\b", |id| {
            Some(id.to_owned())
        }),
        kind("IP", &octets, address),
        kind(
            "IP",
            r"(?i)\b(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}\b",
            address,
        ),
        kind("DOMAIN", &domain, domain_name),
    ]
});

/// Finds the indicators of a text, in order, without overlaps.
pub(crate) fn find(text: &str) -> Vec<Entity> {
    let mut found = links(text);
    for kind in KINDS.iter() {
        let matches = kind.pattern.find_iter(text);
        let checked = matches.filter_map(|hit| {
            let id = (kind.check)(hit.as_str())?;
            Some(entity(kind.label, hit.range(), id, hit.as_str()))
        });
        found = crate::merge::merge(found, checked.collect());
    }
    found
}

/// Finds addresses of pages and mail.
fn links(text: &str) -> Vec<Entity> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url, LinkKind::Email]);
    let entity = |link: linkify::Link<'_>| {
        let label = if *link.kind() == LinkKind::Email {
            "EMAIL"
        } else {
            "URL"
        };
        entity(label, link.start()..link.end(), String::new(), "")
    };
    let usual = |link: &linkify::Link<'_>| {
        *link.kind() == LinkKind::Email
            || ["http://", "https://", "ftp://"].iter().any(|scheme| {
                link.as_str()
                    .get(..scheme.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
    };
    finder.links(text).filter(usual).map(entity).collect()
}

/// Makes an entity; its id is the usual form, where the text writes it otherwise.
fn entity(label: &str, range: std::ops::Range<usize>, id: String, written: &str) -> Entity {
    let id = if id == written { String::new() } else { id };
    Entity {
        range,
        label: label.into(),
        score: 1.0,
        origin: Origin::Rule,
        id,
    }
}

/// Gives an address back its stops and its scheme.
fn refang(written: &str) -> String {
    static DEFANGED: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"(?<dot>\[\.\]|\(\.\)|\[dot\])|(?<colon>\[:\])|^(?<scheme>hxxp)";
        Regex::new(pattern).expect("the pattern is part of the program and tested")
    });
    let usual = |hit: &Captures<'_>| match (hit.name("dot"), hit.name("colon")) {
        (Some(_), _) => ".",
        (_, Some(_)) => ":",
        _ => "http",
    };
    DEFANGED.replace_all(written, usual).into_owned()
}

fn usual_cve(written: &str) -> String {
    let dashes = |char: char| !char.is_ascii_alphanumeric();
    written
        .split(dashes)
        .collect::<Vec<_>>()
        .join("-")
        .to_uppercase()
}

/// Digits alone or letters alone are some other number or word.
fn hash(written: &str) -> Option<String> {
    let digits = written.bytes().filter(u8::is_ascii_digit).count();
    (0 < digits && digits < written.len()).then(|| written.to_lowercase())
}

fn base58_wallet(written: &str) -> Option<String> {
    let decoded = bs58::decode(written).with_check(None).into_vec();
    decoded
        .is_ok_and(|bytes| bytes.len() == 21)
        .then(|| written.to_owned())
}

fn bech32_wallet(written: &str) -> Option<String> {
    bech32::segwit::decode(written)
        .is_ok()
        .then(|| written.to_owned())
}

fn address(written: &str) -> Option<String> {
    let usual = refang(written);
    let address: IpAddr = usual.parse().ok()?;
    // `::1` of a clock or a list is no address that anyone reports.
    let trivial = address.is_unspecified() || (address.is_ipv6() && usual.len() < 8);
    (!trivial).then_some(usual)
}

fn domain_name(written: &str) -> Option<String> {
    let usual = refang(written);
    let top_level = usual.rsplit('.').next()?;
    tld::exist(top_level).then_some(usual)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(text: &str) -> Vec<(String, &str, String)> {
        let part = |entity: Entity| {
            let written = text.get(entity.range).unwrap();
            (entity.label.to_string(), written, entity.id)
        };
        find(text).into_iter().map(part).collect()
    }

    fn one(label: &str, written: &str, id: &str) {
        let text = format!("Zoë 👩‍🚀 in Zürich saw {written}, she said.");

        assert_eq!(found(&text), [(label.to_owned(), written, id.to_owned())]);
    }

    #[test]
    fn all_labels_of_rules_are_told() {
        let links = ["EMAIL", "URL"];
        let given: BTreeSet<&str> = KINDS.iter().map(|kind| kind.label).chain(links).collect();

        assert_eq!(given, BTreeSet::from(RULE_LABELS));
    }

    #[test]
    fn hostile_text_is_searched_in_bounded_time() {
        let units = [
            "1.1.1.1 ",
            "1.",
            "a.",
            "a-",
            "-",
            "a@b.co ",
            "a@",
            "@",
            "hxxp://a",
            "hxxp://.",
            "http://a ",
            "://",
            "0x",
            "CVE-2024-",
            "::",
            "a:",
            "bc1q",
            "1a",
            "T1",
            "[.]",
            "a[dot]",
            "é",
            "1.1.1.1[.]",
        ];
        let start = std::time::Instant::now();

        for unit in units {
            find(&unit.repeat((1 << 20) / unit.len()));
        }

        // What grows with the square of a megabyte takes hours.
        assert!(start.elapsed() < std::time::Duration::from_secs(120));
    }

    #[test]
    fn each_kind_is_found_in_its_usual_and_its_defanged_form() {
        one("URL", "https://example.com/a?b=c", "");
        one(
            "URL",
            "hxxps://evil[.]example[.]com/x",
            "https://evil.example.com/x",
        );
        one("EMAIL", "zoe@example.org", "");
        one("CVE", "CVE-2024-3400", "");
        one("CVE", "cve–2024–3400", "CVE-2024-3400");
        one("HASH", "d41d8cd98f00b204e9800998ecf8427e", "");
        one("WALLET", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "");
        one("WALLET", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "");
        one("WALLET", "0x52908400098527886E0F7030069857D2E4169EE7", "");
        one("ATTACK_TECHNIQUE", "T1059.001", "");
        one("IP", "203.0.113.7", "");
        one("IP", "203.0.113[.]7", "203.0.113.7");
        one("IP", "2001:db8::8a2e:370:7334", "");
        one("DOMAIN", "updates.example.net", "");
        one("DOMAIN", "evil[.]example[.]com", "evil.example.com");
    }

    #[test]
    fn look_alikes_are_passed_over() {
        let looks = [
            "version 10.2.300.4 of it",
            "at 10:30:15 on 3/4",
            "the end.Then more",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
            "12345678901234567890123456789012",
            "U.S. and e.g. others",
        ];

        for text in looks {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn of_overlapping_kinds_one_stays() {
        assert_eq!(found("see http://203.0.113.7/a.exe").len(), 1);
        assert_eq!(found("mail zoe@mail.example.org now").len(), 1);
    }
}
