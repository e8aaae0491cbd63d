//! The stage `clean`: raw title and body to clean ones.

use copydesk_cleaner::{Body, Flag, clean, clean_title, detect_language};
use copydesk_proto::{Article, Language};
use copydesk_worker::{Budget, Stage, StageError};
use rayon::prelude::*;

use super::Draft;
use super::threads::Threads;

/// Cleans title and body, keeps their maps, states the language.
pub(crate) struct Clean {
    pub(crate) threads: Threads,
}

impl Stage<Draft> for Clean {
    fn name(&self) -> &'static str {
        "clean"
    }

    fn process(&mut self, drafts: &mut [Draft], budget: &Budget) -> Result<(), StageError> {
        let clean = |draft: &mut Draft| {
            // The cleaner has bounds of its own within an article.
            budget.check()?;
            clean_draft(draft);
            Ok(())
        };
        self.threads
            .run(|| drafts.par_iter_mut().try_for_each(clean))
    }
}

fn clean_draft(draft: &mut Draft) {
    let (title, title_map) = clean_title(&draft.article().title);
    let cleaned = clean(body(draft.article()), &title);
    draft.title_map = (!title.is_empty()).then_some(title_map);
    draft.text_map = Some(cleaned.map);
    let article = draft.as_mut();
    article.title = if title.is_empty() {
        cleaned.title.unwrap_or_default()
    } else {
        title
    };
    article.text = cleaned.text;
    article.flags = cleaned
        .flags
        .into_iter()
        .map(|flag| flag.as_str().to_owned())
        .collect();
    if article.language.is_none() {
        article.language =
            detect_language(&article.text).map(|(code, score)| Language { code, score });
    }
    flag_language(article);
}

/// The body as it came in: the text, else the page.
fn body(article: &Article) -> Body<'_> {
    if article.text.trim().is_empty() && !article.html.is_empty() {
        Body::Html(&article.html)
    } else {
        Body::Text(&article.text)
    }
}

/// Flags an article that the scraper says is in another language than the model's, which the
/// cleaner cannot know.
fn flag_language(article: &mut Article) {
    let is_english = |code: &str| code.to_ascii_lowercase().starts_with("en");
    let foreign = article
        .language
        .as_ref()
        .is_some_and(|language| language.score == 1.0 && !is_english(&language.code));
    let flag = Flag::NotEnglish.as_str();
    if foreign && !article.flags.iter().any(|present| present == flag) {
        article.flags.push(flag.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(article: Article) -> Article {
        let mut drafts = [Draft::from(article)];
        let threads = Threads::start(0).unwrap();
        let mut clean = Clean { threads };
        clean.process(&mut drafts, &Budget::unlimited()).unwrap();
        let [draft] = drafts;
        draft.into()
    }

    #[test]
    fn text_is_taken_before_html() {
        let article = Article {
            text: "Zoë 👩‍🚀 in Zürich.".into(),
            html: "<p>Other</p>".into(),
            ..Article::default()
        };

        assert_eq!(cleaned(article).text, "Zoë 👩‍🚀 in Zürich.");
    }

    #[test]
    fn html_is_taken_where_the_text_is_blank() {
        let article = Article {
            text: " \n".into(),
            html: "<p>Zoë 👩‍🚀 landed in Zürich on Monday.</p>".into(),
            ..Article::default()
        };

        assert_eq!(cleaned(article).text, "Zoë 👩‍🚀 landed in Zürich on Monday.");
    }

    #[test]
    fn stated_language_stays_and_is_flagged() {
        let stated = Language {
            code: "de".into(),
            score: 1.0,
        };
        let article = Article {
            text: "The text is in English, says its reader.".into(),
            language: Some(stated.clone()),
            ..Article::default()
        };

        let article = cleaned(article);

        assert_eq!(article.language, Some(stated));
        assert_eq!(article.flags, ["not_english"]);
    }

    #[test]
    fn english_is_english_in_any_case() {
        for code in ["en", "EN", "En-GB"] {
            let article = Article {
                text: "The text is in English, says its reader.".into(),
                language: Some(Language {
                    code: code.into(),
                    score: 1.0,
                }),
                ..Article::default()
            };

            assert!(cleaned(article).flags.is_empty(), "{code}");
        }
    }

    #[test]
    fn no_words_are_flagged() {
        assert_eq!(
            cleaned(Article {
                text: " \n".into(),
                ..Article::default()
            })
            .flags,
            ["empty"]
        );
    }
}
