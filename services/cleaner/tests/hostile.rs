//! Bodies made to break a parser: each is cleaned, in bounded time and on a small stack.

use std::thread;
use std::time::{Duration, Instant};

use copydesk_cleaner::{Body, clean};

/// What no body here may take, also unoptimised on a busy machine: what grows with the square of
/// these sizes takes hours.
const LIMIT: Duration = Duration::from_secs(60);

/// Cleans on a stack as small as a thread's may be.
#[track_caller]
fn is_cleaned(body: String) {
    let cleaning = thread::Builder::new().stack_size(512 << 10).spawn(move || {
        let start = Instant::now();
        clean(Body::Html(&body), "");
        clean(Body::Text(&body), "");
        start.elapsed()
    });

    let cleaning = cleaning.expect("a thread can start");
    let elapsed = cleaning.join().expect("cleaning does not panic");

    assert!(elapsed < LIMIT, "took {elapsed:?}");
}

#[test]
fn deep_elements_are_cleaned() {
    is_cleaned(format!("{}Zoë in Zürich", "<div>".repeat(10_000)));
    is_cleaned(format!("{}Zoë in Zürich", "<b><i>".repeat(10_000)));
}

#[test]
fn elements_just_within_bounds_are_cleaned() {
    is_cleaned(format!(
        "{}Zoë, of Zürich, flew.",
        "<table><tr><td>".repeat(499)
    ));
    is_cleaned(format!(
        "{}Zoë, of Zürich, flew.",
        "<ul><li><p>".repeat(499)
    ));
}

#[test]
fn huge_attributes_are_cleaned() {
    is_cleaned(format!("<p class=\"{}\">Zoë</p>", "a ".repeat(1 << 20)));
    let attributes: String = (0..200_000).map(|i| format!("a{i}=1 ")).collect();
    is_cleaned(format!("<p {attributes}>Zoë</p>"));
}

#[test]
fn markup_that_hides_its_depth_is_cleaned() {
    for unit in [
        "<div></z>",
        "<div><object></div>",
        "<!--><div>-->",
        "<b a=1>",
        "<li><dd>",
        "<form><span></form>",
        "<b><object></b></object>",
    ] {
        is_cleaned(unit.repeat((1 << 20) / unit.len()));
    }
    let formats: String = (0..400).map(|i| format!("<b a={i}>")).collect();
    is_cleaned(format!("{formats}{}", "<p>Zoë".repeat(90_000)));
}

#[test]
fn tags_without_an_end_are_cleaned() {
    let attributes: String = (0..400_000).map(|i| format!("a{i} ")).collect();
    is_cleaned(format!("<p a=\">\" {attributes}>Zoë</p>"));
    is_cleaned(format!("<p {attributes}"));
    is_cleaned("<a \"=\"".repeat(300_000));
    is_cleaned("<zz \"=\"".repeat(300_000) + ">");
}

#[test]
fn title_of_many_parts_is_cleaned() {
    let (title, lines) = ("a|".repeat(300_000), "b<br>".repeat(250_000));
    is_cleaned(format!("<html><title>{title}</title>{lines}"));
    let (title, lines) = ("|".repeat(1_000), "b<p>".repeat(500_000));
    is_cleaned(format!("<html><title>{title}</title>{lines}"));
    let (title, lines) = ("Zoë ".repeat(250_000), "<h2>zz</h2>".repeat(90_000));
    is_cleaned(format!("<html><title>{title}</title>{lines}"));
}

#[test]
fn megabytes_are_cleaned() {
    is_cleaned("<p>Zoë 👩‍🚀 in Zürich, and more of it.</p>".repeat(100_000));
    is_cleaned("Zoë 👩‍🚀 in Zürich. ".repeat(440_000));
    is_cleaned("<!---->".repeat(590_000));
}

#[test]
fn unfinished_markup_is_cleaned() {
    for unit in [
        "<",
        "<a ",
        "<a b=\"",
        "<!--",
        "<!x",
        "<style",
        "<p a='",
        "<script>",
        "<script></a>",
        "&",
        "&amp;",
        "[",
        "[](",
        "*a ",
        "_a_",
    ] {
        is_cleaned(unit.repeat((1 << 18) / unit.len()));
    }
}

#[test]
fn misnested_elements_are_cleaned() {
    for unit in [
        "<a><p>",
        "<p><b>a",
        "<table>a<td>",
        "<font><i>x</font></i>",
        "a<br>b<br><br>",
    ] {
        is_cleaned(unit.repeat(20_000));
    }
}
