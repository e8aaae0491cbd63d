//! A record with its headers to an article or a dead letter, which must give the record back; the
//! same as a trace's parent, as a dead letter and as the mark of a replay.

#![no_main]

use libfuzzer_sys::fuzz_target;

type Header = (String, Option<Vec<u8>>);

fuzz_target!(|record: (Option<Vec<u8>>, Option<Vec<u8>>, Vec<Header>)| {
    let (key, value, headers) = record;
    copydesk_worker::fuzz::read(key, value, headers);
});
