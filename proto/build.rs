//! Compiles the schema to Rust types, without protoc, and gives them their JSON form.

/// Fields whose JSON form is not serde's default: field, attributes.
const JSON_FORMS: [(&str, &str); 3] = [
    ("Article.html", "skip_serializing_if = \"String::is_empty\""),
    (
        "Article.language",
        "deserialize_with = \"crate::json::language\"",
    ),
    (
        "Article.metadata",
        "with = \"crate::json::raw\", skip_serializing_if = \"String::is_empty\"",
    ),
];

/// Text fields of a raw article, in which scrapers write `null` for "none".
const NULLABLE: [&str; 8] = [
    "id",
    "url",
    "source",
    "title",
    "text",
    "html",
    "published_at",
    "fetched_at",
];

/// Lists whose items take many times the memory that they have bytes.
const LISTS: [&str; 5] = [
    "Article.entities",
    "Article.topics",
    "Article.flags",
    "Topic.path",
    "Provenance.stages",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=copydesk");
    let schema = protox::compile(["copydesk/v1/article.proto"], ["."])?;
    let mut config = prost_build::Config::new();
    config.type_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]");
    config.type_attribute(".", "#[serde(default)]");
    for (field, form) in JSON_FORMS {
        config.field_attribute(field, format!("#[serde({form})]"));
    }
    for field in NULLABLE {
        let form = "#[serde(deserialize_with = \"crate::json::nullable\")]";
        config.field_attribute(format!("Article.{field}"), form);
    }
    for field in LISTS {
        config.field_attribute(field, "#[serde(deserialize_with = \"crate::json::list\")]");
    }
    config.compile_fds(schema)?;
    Ok(())
}
