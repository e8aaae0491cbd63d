//! What holds for every body: places are true, in order, and cleaning settles.

use copydesk_cleaner::{Body, Clean, clean, clean_title};
use proptest::prelude::*;

/// Pieces that scrapers send, and what text is made of elsewhere in the world.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-zA-Z]{1,9}[ ,.]",
        2 => prop::sample::select(vec![
            "Zoë ", "👩‍🚀 ", "🇨🇭", "e\u{301}le\u{300}ve ", "東京で", "Zürich. ", "“so”, ", "it’s ", "नमस्ते ",
            "مرحبا ", "\u{200b}", "\u{feff}", "\u{a0}", "\u{ad}", "  ", "\t",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n \n", "\u{2028}",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "**", "*", "__", "_", "**bold** ", "*it* ", "[link](https://example.org/a_b) ",
            "![i](/i.png)", "\n# ", "\n- one\n- two\n", "[", "](", ")", "\n> ",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "&amp;", "&#8217;", "&amp;amp;", "&lt;b&gt;", "&nbsp;", "&", "<b>", "</b>", "<br>",
            "<p>", "</p>", "<script>x</script>", "<!-- c -->", "<", ">", "&#13;",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "\nZoë flies to Zürich\n", "\n**ZOË FLIES TO ZÜRICH**\n", "\nAdvertisement\n",
            "\nRead more: the lake\n", "\nLeave a Reply\n", "\n#a #b\n", "\n***\n",
            "\nhttps://example.org/\n", "\nShare this:\n", "\nGetty Images\n", "… [+99 chars]",
        ]).prop_map(str::to_owned),
    ]
}

fn body() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

/// What a raw slice stands for, said without the cleaner's own decoder.
fn meaning(raw: &str) -> String {
    let decoded = html_escape::decode_html_entities(raw)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    decoded.to_string()
}

/// Checks every span of a few lengths, and that single places come in the order of the text.
fn places_are_true(
    raw: &str,
    text: &str,
    raw_range: impl Fn(usize, usize) -> Option<(usize, usize)>,
) {
    let raw: Vec<char> = raw.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let mut last_end = 0;
    for start in 0..text.len() {
        if let Some((raw_start, raw_end)) = raw_range(start, start + 1) {
            assert!(last_end <= raw_start, "out of order at {start}");
            last_end = raw_end;
        }
        for len in [1, 2, 3, 8, 40] {
            let end = start + len;
            if end > text.len() {
                continue;
            }
            if let Some((raw_start, raw_end)) = raw_range(start, end) {
                let there: String = raw[raw_start..raw_end].iter().collect();
                let here: String = text[start..end].iter().collect();
                assert_eq!(meaning(&there), here);
            }
        }
    }
}

fn check(raw: &str, cleaned: &Clean) {
    places_are_true(raw, &cleaned.text, |start, end| {
        cleaned
            .map
            .raw_range(start..end)
            .map(|range| (range.start, range.end))
    });
}

proptest! {
    #[test]
    fn places_in_text_are_true(raw in body()) {
        check(&raw, &clean(Body::Text(&raw), "Zoë flies to Zürich"));
    }

    #[test]
    fn places_in_pages_are_true(raw in body()) {
        let page = format!("<html><body><article><p>{raw}</p></article></body></html>");
        check(&page, &clean(Body::Html(&page), ""));
    }

    #[test]
    fn places_in_titles_are_true(raw in body()) {
        let (title, map) = clean_title(&raw);

        prop_assert!(!title.contains('\n'));
        places_are_true(&raw, &title, |start, end| {
            map.raw_range(start..end).map(|range| (range.start, range.end))
        });
    }

    #[test]
    fn cleaning_clean_text_changes_nothing(raw in body()) {
        let once = clean(Body::Text(&raw), "").text;
        let twice = clean(Body::Text(&once), "").text;

        prop_assert_eq!(once, twice);
    }

    #[test]
    fn any_text_is_cleaned(raw in any::<String>()) {
        check(&raw, &clean(Body::Text(&raw), ""));
        clean(Body::Html(&raw), "");
    }

    #[test]
    fn prose_stays_as_it_is(raw in "([A-Z][a-z]{2,8} [a-z]{2,9} Zoë 👩‍🚀 [a-z]{2,9} in Zürich[.]\n){1,20}") {
        let lines: Vec<String> = raw.lines().enumerate().map(|(i, line)| format!("{i} {line}")).collect();
        let raw = lines.join("\n");

        prop_assert_eq!(clean(Body::Text(&raw), "").text, raw);
    }
}
