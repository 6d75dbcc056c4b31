//! What the TypeScript side is generated from: kernels with their schemas, error codes, control-block offsets.
//!
//! A crate of kernels needs no program of its own for that: compiled to wasm with the feature `describe`, it exports
//! `__loomwork_describe`, which `www/crate/describe.ts` calls.

use crate::array::DType;
use crate::bell::BELL_FIELDS;
use crate::busy::{DIARY_FIELDS, SPAN_FIELDS, SPANS, Span};
use crate::control::{
    CANCEL_REQUESTED, ControlBlock, ENDED, FIELDS, FREE, OUTCOMES, PAYLOAD, PREPARED, READY, RUNNING, SLOTS,
};
use crate::dispatch::{self, DISPATCH_FIELDS, LANE_FIELDS, LANES, Lane, RING};
use crate::error::Code;
use crate::kernel::Entry;
use crate::place::{PLACE_FIELDS, RANK};
use crate::ring::RING_FIELDS;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything that JavaScript must know about a list of kernels and about this library, as JSON.
pub fn describe(kernels: &[Entry]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let described: Vec<Value> = kernels
        .iter()
        .map(|entry| {
            let [params, output, part] = (entry.schemas)(&mut generator);
            json!({ "name": entry.name, "about": entry.about, "params": params, "output": output, "part": part })
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "kernels": described,
        "$defs": generator.take_definitions(true),
        "errorCodes": Code::ALL.iter().map(|(_, name, doc)| json!({ "code": name, "doc": doc.trim() })).collect::<Vec<_>>(),
        "dtypes": DType::ALL
            .iter()
            .map(|d| json!({ "name": d.name(), "js": d.js_name(), "size": d.size() }))
            .collect::<Vec<_>>(),
        "control": {
            "slots": SLOTS,
            "stride": size_of::<ControlBlock>(),
            "payloadBytes": PAYLOAD,
            "cancelRequested": CANCEL_REQUESTED,
            "prepared": PREPARED,
            "turns": { "free": FREE, "ready": READY, "running": RUNNING, "ended": ENDED },
            "outcomes": OUTCOMES,
            "fields": FIELDS.iter().map(|(name, offset, _)| (*name, *offset)).collect::<BTreeMap<_, _>>(),
        },
        "ring": { "capacity": RING, "fields": offsets(RING_FIELDS) },
        "place": { "rank": RANK, "fields": offsets(PLACE_FIELDS) },
        "bell": { "fields": offsets(BELL_FIELDS) },
        "dispatch": { "fields": offsets(DISPATCH_FIELDS) },
        "lane": {
            "most": LANES,
            "stride": size_of::<Lane>(),
            "states": { "absent": dispatch::ABSENT, "idle": dispatch::IDLE, "busy": dispatch::BUSY },
            "fields": offsets(LANE_FIELDS),
        },
        "diary": {
            "capacity": SPANS,
            "stride": size_of::<Span>(),
            "fields": offsets(DIARY_FIELDS),
            "span": offsets(SPAN_FIELDS),
        },
    })
}

fn offsets(fields: &[(&'static str, usize)]) -> BTreeMap<&'static str, usize> {
    fields.iter().copied().collect()
}

/// The description of the crate that was built, for whoever instantiates the wasm: four bytes of length, then JSON in UTF-8.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
extern "C" fn __loomwork_describe() -> *const u8 {
    let json = describe(crate::boundary::kernels()).to_string();
    let mut bytes = Vec::with_capacity(4 + json.len());
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(json.as_bytes());
    // Never freed: the instance is made for this one call.
    bytes.leak().as_ptr()
}
