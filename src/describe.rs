//! What the TypeScript side is generated from: kernels with their schemas, error codes, control-block offsets.
//!
//! `cargo run --bin describe` prints it as JSON.

use crate::array::DType;
use crate::control::{CANCEL_REQUESTED, ControlBlock, FIELDS, SLOTS};
use crate::error::Code;
use crate::kernel::Entry;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

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
            "cancelRequested": CANCEL_REQUESTED,
            "fields": FIELDS.iter().map(|(name, offset, size)| json!({ "name": name, "offset": offset, "size": size })).collect::<Vec<_>>(),
        },
    })
}
