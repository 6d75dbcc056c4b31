//! Fuzzing of the boundary's decoding: whatever bytes and arrays come from JavaScript, the outcome is a task or an error that names
//! what is wrong; and whatever task it is, it ends as a job may end.
//!
//! `./build.sh fuzz` runs this for minutes (`PROPTEST_CASES`), the tests a moment of it. What it finds proptest writes to
//! `tests/fuzz/boundary.proptest-regressions`, and tries first from then on.
#![cfg(not(target_family = "wasm"))]

use loomwork::array::{self, DType};
use loomwork::control::ControlBlock;
use loomwork::error::{Code, Failure};
use loomwork::kernel::Entry;
use loomwork::params::Tree;
use loomwork::task::{Outcome, run_caught};
use loomwork::{AnyArray, KernelError, kernels::KERNELS};
use proptest::prelude::*;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::sync::mpsc;
use std::time::Duration;

/// A kernel that has not checked for so long hangs.
const HANG: Duration = Duration::from_secs(20);
/// Jobs are cancelled after so long: their params may ask for hours.
const PATIENCE: Duration = Duration::from_millis(30);

/// What JavaScript can send.
#[derive(Debug, Clone)]
enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
    /// A reference to an attached array, with or without a shape.
    Array(usize, Option<Vec<u64>>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
            Self::Array(index, shape) => {
                let mut map = serializer.serialize_map(Some(1 + usize::from(shape.is_some())))?;
                map.serialize_entry("$array", index)?;
                shape.iter().try_for_each(|shape| map.serialize_entry("shape", shape))?;
                map.end()
            }
        }
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

/// Numbers near the edges of every type, and others.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0_i64..70).prop_map(Value::Int),
        2 => prop::sample::select(vec![-1_i64, 255, 256, 65_535, 65_536, 16_383, 16_384, 1 << 31, u32::MAX.into(), 1 << 32, 1 << 53, i64::MIN, i64::MAX]).prop_map(Value::Int),
        1 => any::<u64>().prop_map(Value::Uint),
        1 => any::<f64>().prop_map(Value::Float),
        1 => prop::sample::select(vec![0.0, -0.0, 0.5, 1.5, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE]).prop_map(Value::Float),
    ]
}

/// Words that params know, and others.
fn word() -> impl Strategy<Value = String> {
    let known = "data algorithm image width height format quality filter order sha256 blake3 png jpeg webp ascending descending lanczos3 nearest \
        centerX centerY span maxIterations rows first count $array shape part source parts leaf sigma radius x y \
        angle flip background gamma matrix kernel divisor edges steps op blur crop encode keys values bins range q k dimensions queries metric \
        paths style option volatility pattern level a b m n transposeA positions masses";
    prop_oneof![4 => prop::sample::select(known.split_whitespace().map(str::to_string).collect::<Vec<_>>()), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = Value> {
    let shape = prop::option::of(prop::collection::vec(prop_oneof![0_u64..100, any::<u64>()], 0..4));
    let leaf = prop_oneof![
        1 => Just(Value::Nil),
        1 => any::<bool>().prop_map(Value::Bool),
        5 => number(),
        2 => word().prop_map(Value::Text),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        3 => (0_usize..4, shape).prop_map(|(index, shape)| Value::Array(index, shape)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((word(), inner), 0..6).prop_map(Value::Map),
        ]
    })
}

/// Arrays as `attach` makes them: any kind, any bytes.
fn arrays() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    prop::collection::vec((0..DType::ALL.len(), prop::collection::vec(any::<u8>(), 0..400)), 0..4)
}

fn array((dtype, bytes): &(usize, Vec<u8>)) -> AnyArray {
    let dtype = DType::ALL[*dtype];
    let length = bytes.len() / dtype.size();
    let mut array = AnyArray::with_capacity(dtype, length).unwrap();
    // SAFETY: so many bytes were reserved, every pattern of bits is a number, and all are written before they are counted.
    unsafe {
        array.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), length * dtype.size());
        array.assume_filled(length);
    }
    array
}

/// Params with which a kernel runs.
fn valid(kernel: &str) -> Value {
    let map = |entries: &[(&str, Value)]| {
        Value::Map(entries.iter().map(|(key, value)| ((*key).to_string(), value.clone())).collect())
    };
    let image = || map(&[("width", Value::Int(5)), ("height", Value::Int(4)), ("data", Value::Array(0, None))]);
    let text = |text: &str| Value::Text(text.into());
    let numbers = |count: i64| Value::List((0..count).map(|x| Value::Float(x as f64 / 4.0)).collect());
    match kernel {
        "mandelbrot" => map(&[
            ("width", Value::Int(20)),
            ("height", Value::Int(10)),
            ("centerX", Value::Float(-0.5)),
            ("centerY", Value::Int(0)),
            ("span", text("3e-20")),
            ("maxIterations", Value::Int(50)),
        ]),
        "hash" => map(&[("data", Value::Array(0, None)), ("algorithm", text("blake3"))]),
        "compress" => map(&[("data", Value::Array(0, None)), ("format", text("gzip")), ("level", Value::Int(1))]),
        "decompress" => {
            map(&[("data", Value::Array(0, None)), ("format", text("zstd")), ("maxBytes", Value::Int(9999))])
        }
        "hash.many" => map(&[("data", Value::Array(0, None)), ("chunk", Value::Int(7)), ("algorithm", text("sha256"))]),
        "search" => map(&[("data", Value::Array(0, None)), ("pattern", text("a+|\\d")), ("maxMatches", Value::Int(9))]),
        "sort" | "argsort" => map(&[("data", Value::Array(1, None)), ("order", text("descending"))]),
        "matmul" => map(&[
            ("a", numbers(15)),
            ("b", numbers(6)),
            ("m", Value::Int(5)),
            ("k", Value::Int(3)),
            ("n", Value::Int(2)),
            ("transposeA", Value::Bool(true)),
            ("strideB", Value::Int(2)),
        ]),
        "fft" => map(&[
            ("data", numbers(24)),
            ("length", Value::Int(6)),
            ("dimensions", Value::Int(2)),
            ("real", Value::Bool(true)),
            ("inverse", Value::Bool(false)),
        ]),
        "nbody" => map(&[
            ("positions", numbers(9)),
            ("velocities", numbers(9)),
            ("masses", numbers(3)),
            ("steps", Value::Int(3)),
            ("timeStep", Value::Float(0.1)),
            ("softening", Value::Int(0)),
            ("every", Value::Int(2)),
        ]),
        "topk" => map(&[("data", Value::Array(1, None)), ("k", Value::Int(3)), ("order", text("ascending"))]),
        "groupby" => map(&[("keys", Value::Array(1, None)), ("values", Value::Array(2, None))]),
        "stats.describe" => map(&[("data", Value::Array(1, None))]),
        "stats.quantiles" => map(&[("data", Value::Array(1, None)), ("q", numbers(3))]),
        "stats.histogram" => map(&[("data", Value::Array(1, None)), ("bins", Value::Int(4)), ("range", numbers(2))]),
        "kmeans" => map(&[
            ("data", numbers(24)),
            ("dimensions", Value::Int(2)),
            ("k", Value::Int(3)),
            ("seed", Value::Int(7)),
            ("maxIterations", Value::Int(5)),
            ("tolerance", Value::Float(0.1)),
        ]),
        "knn" => map(&[
            ("data", numbers(24)),
            ("queries", numbers(4)),
            ("dimensions", Value::Int(2)),
            ("k", Value::Int(2)),
            ("metric", text("cosine")),
        ]),
        "montecarlo" => map(&[
            ("option", text("put")),
            ("style", text("asian")),
            ("spot", Value::Int(100)),
            ("strike", Value::Float(99.5)),
            ("years", Value::Float(0.5)),
            ("rate", Value::Float(0.01)),
            ("volatility", Value::Float(0.3)),
            ("steps", Value::Int(4)),
            ("paths", Value::Int(50)),
        ]),
        "knn.index" => map(&[("data", numbers(24)), ("dimensions", Value::Int(2)), ("lists", Value::Int(3))]),
        "knn.search" => {
            let whole = |numbers: &[i64]| Value::List(numbers.iter().map(|&number| Value::Int(number)).collect());
            map(&[
                ("centroids", numbers(3)),
                ("offsets", whole(&[0, 3, 3, 8])),
                ("order", whole(&[1, 4, 7, 0, 2, 3, 5, 6])),
                ("vectors", numbers(8)),
                ("dimensions", Value::Int(1)),
                ("queries", numbers(5)),
                ("k", Value::Int(4)),
                ("probes", Value::Int(2)),
                ("part", map(&[("first", Value::Int(0)), ("vectors", Value::Int(9))])),
            ])
        }
        "image.resize" => map(&[
            ("image", image()),
            ("width", Value::Int(7)),
            ("height", Value::Int(3)),
            ("filter", text("lanczos3")),
        ]),
        "image.blur" => map(&[("image", image()), ("sigma", Value::Float(1.5))]),
        "image.crop" => map(&[
            ("image", image()),
            ("x", Value::Int(1)),
            ("y", Value::Int(0)),
            ("width", Value::Int(3)),
            ("height", Value::Int(4)),
        ]),
        "image.rotate" => map(&[("image", image()), ("angle", Value::Float(33.5)), ("flip", text("vertical"))]),
        "image.color" => map(&[("image", image()), ("gamma", Value::Float(2.2)), ("invert", Value::Int(1))]),
        "image.convolve" => map(&[
            ("image", image()),
            ("kernel", Value::List(vec![Value::List(vec![Value::Int(1), Value::Float(-0.5), Value::Int(2)])])),
            ("edges", text("mirror")),
        ]),
        "image.pipeline" => map(&[
            ("image", image()),
            (
                "steps",
                Value::List(vec![
                    map(&[("op", text("blur")), ("sigma", Value::Float(0.7))]),
                    map(&[("op", text("encode")), ("format", text("png"))]),
                ]),
            ),
        ]),
        "image.encode" => map(&[("image", image()), ("format", text("webp"))]),
        "image.decode" => map(&[("data", Value::Array(0, None))]),
        _ => map(&[]),
    }
}

/// Replaces one of a value's leaves, or adds a field.
fn mutate(value: &mut Value, at: usize, new: &Value, name: &str) {
    match value {
        Value::Map(entries) if !entries.is_empty() => {
            let (length, rest) = (entries.len() + 1, at / (entries.len() + 1));
            match at % length {
                0 if rest % 3 == 0 => entries.push((name.to_string(), new.clone())),
                0 if rest % 3 == 1 => drop(entries.remove(rest / 3 % entries.len())),
                0 => *value = new.clone(),
                index => mutate(&mut entries[index - 1].1, rest, new, name),
            }
        }
        Value::List(values) if !values.is_empty() => {
            let (index, rest) = (at % values.len(), at / values.len());
            mutate(&mut values[index], rest, new, name);
        }
        other => *other = new.clone(),
    }
}

/// What the boundary does with params; `None` when they are refused as they should be.
fn prepare(
    entry: &Entry,
    params: &[u8],
    arrays: &[(usize, Vec<u8>)],
) -> Result<Option<Box<dyn loomwork::task::Task>>, TestCaseError> {
    array::attach(arrays.iter().map(array).collect());
    let prepared = rmp_serde::from_slice::<Tree>(params).ok().map(entry.prepare);
    array::attach(Vec::new());
    match prepared {
        None => Ok(None),
        Some(Ok(task)) => Ok(Some(task)),
        Some(Err(KernelError::BadParams { field, message })) => {
            prop_assert!(!message.is_empty() && message.len() < 2000, "{}: {}: {message}", entry.name, field);
            Ok(None)
        }
        Some(Err(KernelError::OutOfMemory { .. })) => Ok(None),
        Some(Err(other)) => Err(TestCaseError::fail(format!("{}: {other:?}", entry.name))),
    }
}

/// Runs a task for a moment; how it ends must be one of the ways in which jobs end.
fn run(entry: &Entry, task: Box<dyn loomwork::task::Task>) -> Result<(), TestCaseError> {
    // Left behind for ever: a control block lies in a table that does.
    let control: &'static ControlBlock = Box::leak(Box::default());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(run_caught(task, control, Box::new(|_, _| {}))));
    let outcome = receive.recv_timeout(PATIENCE).or_else(|_| {
        control.request_cancel();
        receive.recv_timeout(HANG)
    });
    match outcome {
        Ok(Outcome::Done(_) | Outcome::Cancelled) => Ok(()),
        Ok(Outcome::Failed(Failure { code: Code::BadParams | Code::KernelError | Code::OutOfMemory, .. })) => Ok(()),
        Ok(Outcome::Failed(failure)) => Err(TestCaseError::fail(format!("{}: {failure:?}", entry.name))),
        Err(_) => Err(TestCaseError::fail(format!("{} does not stop", entry.name))),
    }
}

/// Decodes, and runs what comes of it.
fn attempt(entry: &Entry, params: &[u8], arrays: &[(usize, Vec<u8>)]) -> Result<(), TestCaseError> {
    if let Some(task) = prepare(entry, params, arrays)? {
        run(entry, task)?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(params in prop::collection::vec(any::<u8>(), 0..300), arrays in arrays()) {
        for entry in KERNELS {
            attempt(entry, &params, &arrays)?;
        }
    }

    #[test]
    fn any_value(params in value(), arrays in arrays()) {
        for entry in KERNELS {
            attempt(entry, &encoded(&params), &arrays)?;
        }
    }

    #[test]
    fn params_that_were_changed(
        kernel in 0..KERNELS.len(),
        changes in prop::collection::vec((any::<u16>(), value(), word()), 0..4),
        bytes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
        pixels in prop::collection::vec(any::<u8>(), 80),
        mut arrays in arrays(),
    ) {
        let entry = &KERNELS[kernel];
        arrays.insert(0, (DType::ALL.iter().position(|dtype| dtype.js_name() == "Uint8Array").unwrap_or(0), pixels));
        arrays.push((3, vec![7; 64]));
        let mut params = valid(entry.name);
        for (at, new, name) in &changes {
            mutate(&mut params, usize::from(*at), new, name);
        }
        let mut params = encoded(&params);
        for (at, byte) in bytes {
            let at = at.index(params.len());
            params[at] = byte;
        }
        attempt(entry, &params, &arrays)?;
    }
}

#[test]
fn what_is_valid_runs() {
    let pixels = (DType::ALL.iter().position(|dtype| dtype.js_name() == "Uint8Array").unwrap(), vec![9; 80]);
    let numbers = (DType::ALL.iter().position(|dtype| dtype.js_name() == "Float64Array").unwrap(), vec![1; 64]);
    for entry in KERNELS {
        let task =
            prepare(entry, &encoded(&valid(entry.name)), &[pixels.clone(), numbers.clone(), numbers.clone()]).unwrap();
        assert_eq!(task.is_some(), entry.name != "image.decode", "{}", entry.name);
    }
}

#[test]
fn nesting_has_an_end() {
    for depth in [60, 1000, 100_000] {
        let mut params = vec![0x91_u8; depth];
        params.push(0xC0);
        for entry in KERNELS {
            // A kernel without params takes a list for none.
            assert!(prepare(entry, &params, &[]).unwrap().is_none() || entry.name == "noop");
        }
    }
}

#[test]
fn lengths_that_lie_take_no_memory() {
    for head in [0xDD_u8, 0xDF, 0xDB, 0xC6, 0xC9] {
        let params = [head, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x02];
        for entry in KERNELS {
            assert!(prepare(entry, &params, &[]).unwrap().is_none());
        }
    }
}
