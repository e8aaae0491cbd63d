//! Where settings come from: the defaults, a file, the environment, flags; the later ones win.

mod shown;

use std::ffi::OsString;
use std::path::Path;

use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use self::shown::shown;

/// Every setting, with its default and what it means.
const DEFAULTS: &str = include_str!("../default.toml");

/// What the names of our environment variables begin with.
const PREFIX: &str = "COPYDESK__";

/// The settings in this table are librdkafka's own, which have dots in their names.
const LIBRDKAFKA: &str = "kafka.librdkafka";

/// Settings that cannot be used; tells which one, its value, where it is from and what is right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadSetting(String);

/// What the command line says about settings.
#[derive(Debug, Default)]
pub(crate) struct Flags<'a> {
    /// The file of `--config`.
    pub(crate) file: Option<&'a Path>,
    /// Flag, setting and value.
    pub(crate) settings: Vec<(String, &'a str, &'a str)>,
}

/// All settings, each with the place that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Layers(Figment);

/// The settings of one place.
struct Layer {
    origin: String,
    settings: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

impl Layer {
    fn toml(origin: String, text: &str) -> Result<Self, BadSetting> {
        match Toml::from_str(text) {
            Ok(settings) => Ok(Self { origin, settings }),
            Err(error) => {
                // Not the error's own text: it shows the line, which may hold a secret.
                let start = error.span().map_or(0, |span| span.start);
                let before = text.bytes().take(start).filter(|&byte| byte == b'\n');
                let (line, message) = (before.count() + 1, error.message());
                let message = message.lines().next().unwrap_or_default();
                Err(BadSetting(format!(
                    "{origin} is not TOML: line {line}: {message}"
                )))
            }
        }
    }

    fn file(path: &Path) -> Result<Self, BadSetting> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::toml(path.display().to_string(), &text),
            Err(error) => Err(BadSetting(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
        }
    }

    fn single(origin: String, setting: &str, value: &str) -> Self {
        Self {
            origin,
            settings: nest(setting, value),
        }
    }
}

/// `a.b` and `1` become `{a: {b: "1"}}`.
fn nest(setting: &str, value: &str) -> Dict {
    let (outer, last) = match setting.strip_prefix(LIBRDKAFKA) {
        Some(name) if name.starts_with('.') => (LIBRDKAFKA, name.trim_start_matches('.')),
        _ => setting.rsplit_once('.').unwrap_or(("", setting)),
    };
    let mut dict = Dict::from([(last.to_owned(), Value::from(value))]);
    for table in outer.rsplit('.').filter(|table| !table.is_empty()) {
        dict = Dict::from([(table.to_owned(), Value::from(dict))]);
    }
    dict
}

impl Layers {
    /// Lays all sources over each other.
    pub(crate) fn load(
        flags: &Flags<'_>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, BadSetting> {
        let mut figment = Figment::from(Layer::toml("the defaults".to_owned(), DEFAULTS)?);
        if let Some(path) = flags.file {
            figment = figment.merge(Layer::file(path)?);
        }
        for (name, value) in environment {
            if let Some(layer) = variable(&name, &value)? {
                figment = figment.merge(layer);
            }
        }
        for (flag, setting, value) in &flags.settings {
            figment = figment.merge(Layer::single(flag.clone(), setting, value));
        }
        Ok(Self(figment))
    }

    /// Reads the settings as a config struct; every error is reported at once.
    pub(crate) fn extract<T: DeserializeOwned>(&self) -> Result<T, BadSetting> {
        // Flags and variables are strings; lossy lets them stand for numbers and truth values.
        self.0.extract_lossy().map_err(|errors| {
            let errors: Vec<_> = errors
                .into_iter()
                .map(|error| self.explain(&error))
                .collect();
            BadSetting(errors.join("\n"))
        })
    }

    /// Refuses a setting that has the right type and yet cannot be used.
    pub(crate) fn refuse(&self, setting: &str, expected: &str) -> BadSetting {
        BadSetting(format!("{}: {expected}", self.describe(setting)))
    }

    /// Lays one setting over all others, unless it is that value already.
    pub(crate) fn replace(&mut self, origin: &str, setting: &str, value: &str) {
        let found = self.0.find_value(setting).ok();
        if found.as_ref().and_then(Value::as_str) != Some(value) {
            let layer = Layer::single(origin.to_owned(), setting, value);
            self.0 = std::mem::take(&mut self.0).merge(layer);
        }
    }

    /// Every setting as a line of TOML, with its origin; secrets are left out.
    pub(crate) fn lines(&self) -> Result<Vec<String>, BadSetting> {
        let settings: Dict = self.extract()?;
        let mut lines = Vec::new();
        self.append_lines(&mut lines, "", &settings);
        Ok(lines)
    }

    fn append_lines(&self, lines: &mut Vec<String>, table: &str, settings: &Dict) {
        for (name, value) in settings {
            let name = if name.contains('.') {
                format!("{name:?}")
            } else {
                name.clone()
            };
            let setting = format!("{table}{name}");
            if let Value::Dict(_, inner) = value {
                self.append_lines(lines, &format!("{setting}."), inner);
                continue;
            }
            let origin = self
                .0
                .get_metadata(value.tag())
                .map_or("", |origin| &origin.name);
            lines.push(format!(
                "{setting} = {}  # {origin}",
                shown(&setting, value)
            ));
        }
    }

    fn explain(&self, error: &figment::Error) -> String {
        let setting = error.path.join(".");
        let found = self.describe(&setting);
        match &error.kind {
            Kind::UnknownField(name, known) => {
                let setting = match setting.as_str() {
                    "" => name.clone(),
                    path if path.ends_with(name.as_str()) => path.to_owned(),
                    table => format!("{table}.{name}"),
                };
                let known = known.join(", ");
                format!(
                    "{}: there is no such setting; known here: {known}",
                    self.describe(&setting)
                )
            }
            Kind::UnknownVariant(_, known) => format!("{found}: expected {}", known.join(" or ")),
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                format!("{found}: expected {}", plain(expected))
            }
            Kind::Message(message) if message == "invalid socket address syntax" => {
                format!("{found}: expected an address and a port, e.g. 127.0.0.1:9464")
            }
            Kind::MissingField(name) => format!("{setting}.{name} is not set"),
            other => format!("{found}: {other}"),
        }
    }

    /// `kafka.brokers = "x" (from --brokers)`
    fn describe(&self, setting: &str) -> String {
        let Ok(value) = self.0.find_value(setting) else {
            return setting.to_owned();
        };
        let origin = self
            .0
            .get_metadata(value.tag())
            .map_or("", |origin| &origin.name);
        format!("{setting} = {} (from {origin})", shown(setting, &value))
    }
}

/// The layer of an environment variable, unless it is not ours.
fn variable(name: &OsString, value: &OsString) -> Result<Option<Layer>, BadSetting> {
    let Some(setting) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else {
        return Ok(None);
    };
    let origin = format!("environment variable {PREFIX}{setting}");
    let Some(value) = value.to_str() else {
        return Err(BadSetting(format!("{origin} is not UTF-8")));
    };
    let setting = setting.to_ascii_lowercase().replace("__", ".");
    Ok(Some(Layer::single(origin, &setting, value)))
}

/// Serde's name of a type in plain words.
fn plain(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        table if table.starts_with("struct ") => "a table of settings",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn load(variables: &[(&str, &str)], set: &[(&'static str, &'static str)]) -> Layers {
        let flag = |&(setting, value)| (format!("--set {setting}"), setting, value);
        let flags = Flags {
            file: None,
            settings: set.iter().map(flag).collect(),
        };
        Layers::load(&flags, environment(variables)).unwrap()
    }

    fn error(set: &[(&'static str, &'static str)]) -> String {
        load(&[], set).extract::<Config>().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_complete_and_valid() {
        Config::read(&load(&[], &[])).unwrap();
    }

    #[test]
    fn every_default_has_a_comment() {
        let mut commented = false;
        for line in DEFAULTS.lines() {
            assert!(
                commented || !line.contains(" = ") || line.starts_with('#'),
                "{line}"
            );
            commented = line.starts_with('#');
        }
    }

    #[test]
    fn flags_win_over_variables() {
        let variables = [
            ("COPYDESK__KAFKA__GROUP", "v"),
            ("COPYDESK__KAFKA__INSTANCE", "7"),
        ];

        let config: Config = load(&variables, &[("kafka.group", "f")]).extract().unwrap();

        assert_eq!(
            (config.kafka.group.as_str(), config.kafka.instance.as_str()),
            ("f", "7")
        );
    }

    #[test]
    fn dots_in_the_names_of_librdkafka_stay() {
        let variables = [("COPYDESK__KAFKA__LIBRDKAFKA__SASL__USERNAME", "zoë")];
        let set = [("kafka.librdkafka.security.protocol", "ssl")];

        let config: Config = load(&variables, &set).extract().unwrap();

        let properties: Vec<_> = config.kafka.librdkafka.iter().collect();
        assert_eq!(
            properties,
            [("sasl.username", "zoë"), ("security.protocol", "ssl")]
        );
    }

    #[test]
    fn error_tells_setting_value_source_and_what_is_right() {
        assert_eq!(
            error(&[("batch.linger_ms", "soon")]),
            "batch.linger_ms = \"soon\" (from --set batch.linger_ms): expected a whole number"
        );
    }

    #[test]
    fn unknown_setting_is_told_with_those_that_there_are() {
        let error = error(&[("topics.raws", "a")]);

        let start =
            "topics.raws = \"a\" (from --set topics.raws): there is no such setting; known here: ";
        assert!(error.starts_with(start), "{error}");
        assert!(error.contains("dead_letters"), "{error}");
    }

    #[test]
    fn broken_file_is_told_by_line_without_its_text() {
        let text = "[kafka.librdkafka]\n\"sasl.password\" = hunter2\n";

        let error = Layer::toml("a.toml".to_owned(), text)
            .err()
            .unwrap()
            .to_string();

        assert!(error.starts_with("a.toml is not TOML: line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn only_another_value_has_another_origin() {
        let mut layers = load(&[], &[("log.level", "warn")]);

        layers.replace("a request", "log.level", "warn");
        let same = layers.lines().unwrap();
        layers.replace("a request", "log.level", "debug");
        let other = layers.lines().unwrap();

        assert!(same.contains(&"log.level = \"warn\"  # --set log.level".to_owned()));
        assert!(other.contains(&"log.level = \"debug\"  # a request".to_owned()));
    }

    #[test]
    fn secrets_are_not_among_the_lines() {
        let layers = load(&[], &[("kafka.librdkafka.ssl.key.password", "hunter2")]);

        let lines = layers.lines().unwrap().join("\n");

        let line = "kafka.librdkafka.\"ssl.key.password\" = \"***\"";
        assert!(lines.contains(line), "{lines}");
        assert!(!lines.contains("hunter2"));
    }
}
