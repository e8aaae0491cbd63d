//! How a setting's value is shown: as TOML, and never a secret.

use figment::value::Value;

use super::LIBRDKAFKA;

/// A value as TOML, or stars in the place of a secret.
pub(super) fn shown(setting: &str, value: &Value) -> String {
    if is_secret(setting) {
        return "\"***\"".to_owned();
    }
    match value {
        Value::String(_, text) if has_password(text) => "\"***\"".to_owned(),
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, char) => format!("{:?}", char.to_string()),
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => number.to_string(),
            (_, Some(number)) => number.to_string(),
            _ => number.to_f64().unwrap_or_default().to_string(),
        },
        Value::Array(_, values) => {
            let values: Vec<_> = values.iter().map(|value| shown(setting, value)).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Dict(_, table) => {
            let entry =
                |(name, value)| format!("{name} = {}", shown(&format!("{setting}.{name}"), value));
            let entries: Vec<_> = table.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Empty(..) => "{}".to_owned(),
    }
}

/// Whether a setting is a secret, be it in the wrong table. Where its value is in a file, the path is
/// none.
fn is_secret(setting: &str) -> bool {
    const SECRETS: [&str; 5] = ["password", "passphrase", "secret", ".pem", "oauthbearer"];
    let name = setting.to_ascii_lowercase().replace('"', "");
    let has_token = name.starts_with(LIBRDKAFKA) && name.contains("token");
    !name.ends_with("_file") && (has_token || SECRETS.iter().any(|secret| name.contains(secret)))
}

/// Whether a text is an address with a password in it.
fn has_password(text: &str) -> bool {
    text.contains("://") && text.contains('@')
}

#[cfg(test)]
mod tests {
    use figment::value::Dict;

    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let secrets = [
            "sasl.password",
            "SASL.PASSWORD",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
        ];
        let others = ["sasl.password_file", "sasl.username", "ssl.ca.location"];
        let misplaced = "kafka.sasl";

        for name in secrets {
            assert!(is_secret(&format!("{LIBRDKAFKA}.\"{name}\"")), "{name}");
        }
        for name in others {
            assert!(!is_secret(&format!("{LIBRDKAFKA}.{name}")), "{name}");
        }
        assert!(!is_secret("encoder.max_batch_tokens"));
        let table = Value::from(Dict::from([("password".to_owned(), "hunter2".into())]));
        let url = Value::from("http://user:hunter2@collector:4318");
        assert_eq!(shown(misplaced, &table), "{ password = \"***\" }");
        assert_eq!(shown("tracing.endpoint", &url), "\"***\"");
    }
}
