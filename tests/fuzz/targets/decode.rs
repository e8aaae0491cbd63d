//! A record's value to an article, in each form; and back, which must give the same.

#![no_main]

use copydesk_proto::{Format, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    for format in [Format::Json, Format::Protobuf, Format::Text] {
        let header = std::str::from_utf8(value).unwrap_or_default();
        let headers = [("title", header), ("metadata", header), ("language", header)];
        let Ok(article) = decode(value, format, headers) else {
            continue;
        };
        let json = encode(&article, Format::Json);
        let protobuf = encode(&article, Format::Protobuf);
        // An article of which nothing is known has no bytes, and no bytes are no article.
        if protobuf.is_empty() {
            continue;
        }
        assert_eq!(decode(&protobuf, Format::Protobuf, []).ok(), Some(article));
        // A protobuf's metadata need not be JSON; what is written must be.
        assert!(decode(&json, Format::Json, []).is_ok());
    }
});
