//! The boundary: the only module that speaks to JavaScript (wasm only).
//!
//! Its one caller is the coordinator worker (`www/host/worker/instance.ts`), which moves bulk data in with
//! [`attach`], starts a job with [`submit`], and takes what happened out with [`next_event`] each time that the
//! doorbell word changes. In the `threads` artifact a job runs on the rayon pool and the coordinator never blocks;
//! in the others `submit` runs the job to its end and calls the listener of [`on_event`] on the way.

use crate::array::{self, AnyArray, DType};
use crate::control::{ControlBlock, SLOTS};
use crate::error::{Code, Failure};
use crate::kernel::Entry;
use crate::params::Tree;
use crate::task::{OUT_OF_MEMORY, Outcome, PartSink, Value, run_caught};
use js_sys::{Array as JsArray, Object, Reflect};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use wasm_bindgen::prelude::*;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

unsafe extern "Rust" {
    /// Defined by `kernels!` in the crate that is built.
    safe fn __loomwork_kernels() -> &'static [Entry];
}

/// Something that happened to a job, on its way to the caller.
enum Event {
    Part(u32, Value),
    End { id: u32, slot: usize, outcome: Outcome },
}

static EVENTS: Mutex<VecDeque<Event>> = Mutex::new(VecDeque::new());

/// Goes up by one for each event; the coordinator waits on it with `Atomics.waitAsync`.
static DOORBELL: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static PENDING: RefCell<Vec<(AnyArray, usize)>> = const { RefCell::new(Vec::new()) };
    /// The value whose arrays JavaScript is reading.
    static CURRENT: RefCell<Option<Value>> = const { RefCell::new(None) };
    #[cfg(not(feature = "threads"))]
    static LISTENER: RefCell<Option<js_sys::Function>> = const { RefCell::new(None) };
}

fn push(event: Event) {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    // Release: whoever sees the new count finds the event in the queue.
    DOORBELL.fetch_add(1, Ordering::Release);
    #[cfg(feature = "threads")]
    // SAFETY: the address is that of a live static of four aligned bytes in shared memory; notify reads nothing.
    unsafe {
        core::arch::wasm32::memory_atomic_notify(DOORBELL.as_ptr(), 1);
    }
    #[cfg(not(feature = "threads"))]
    tell_listener();
}

/// Progress was made on the only thread: the listener may tell the caller, who cannot see this memory.
#[cfg(not(feature = "threads"))]
pub(crate) fn tell_listener() {
    if let Some(listener) = LISTENER.with_borrow(Clone::clone) {
        // A listener that throws must not unwind through a kernel: its own side reports the error.
        let _ = listener.call0(&JsValue::NULL);
    }
}

/// Sets who is called when something happens while [`submit`] runs (single-threaded artifacts).
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = onEvent)]
pub fn on_event(listener: js_sys::Function) {
    LISTENER.set(Some(listener));
}

/// To be called once in each instance, before anything else but the pool's start.
#[wasm_bindgen]
pub fn boot() {
    // An allocation that fails becomes a panic, which costs one job; an abort would cost the instance.
    std::alloc::set_alloc_error_hook(|layout| panic!("{OUT_OF_MEMORY}{}", layout.size()));
}

/// The names of the kernels in this artifact.
#[wasm_bindgen(js_name = kernelNames)]
pub fn kernel_names() -> Vec<String> {
    __loomwork_kernels().iter().map(|entry| entry.name.to_string()).collect()
}

/// Address of the table of control blocks.
#[wasm_bindgen(js_name = controlTable)]
pub fn control_table() -> usize {
    ControlBlock::table().as_ptr() as usize
}

/// Address of the doorbell: an `i32` that changes with each event.
#[wasm_bindgen]
pub fn doorbell() -> usize {
    DOORBELL.as_ptr() as usize
}

/// Room for an array of the next job's params; returns its address, or 0 when the memory cannot be had.
///
/// The caller fills all of it before [`submit`] or gives it up with [`detach`].
#[wasm_bindgen]
pub fn attach(dtype: u8, len: usize) -> usize {
    let Some(&dtype) = DType::ALL.get(dtype as usize) else { return 0 };
    let Ok(mut array) = AnyArray::with_capacity(dtype, len) else { return 0 };
    let start = array.as_mut_ptr() as usize;
    PENDING.with_borrow_mut(|pending| pending.push((array, len)));
    start
}

/// Gives up what was attached since the last job.
#[wasm_bindgen]
pub fn detach() {
    PENDING.take();
}

/// Starts a job, with the arrays attached since the last call. `slot` is its control block, which the caller's thread
/// has cleared.
///
/// # Errors
/// A `Failure` when the kernel is unknown or its params are unusable: the job has not started.
#[wasm_bindgen]
pub fn submit(slot: usize, id: u32, kernel: &str, tree: JsValue) -> Result<(), JsValue> {
    let arrays = PENDING.take().into_iter().map(|(mut array, len)| {
        // SAFETY: `len` elements were reserved, and the coordinator has written them all; every pattern of bits
        // is a valid number.
        unsafe { array.assume_filled(len) };
        array
    });
    array::attach(arrays.collect());
    let prepared = prepare(slot, kernel, tree);
    array::attach(Vec::new());
    let task = prepared.map_err(|failure| to_js(&failure))?;
    let control = &ControlBlock::table()[slot];
    let run = move || {
        let parts: PartSink = Box::new(move |part| push(Event::Part(id, part)));
        let outcome = run_caught(task, control, parts);
        push(Event::End { id, slot, outcome });
    };
    // `spawn` only queues it: the coordinator stays free to hear of cancels and of dead threads.
    #[cfg(feature = "threads")]
    rayon::spawn(run);
    #[cfg(not(feature = "threads"))]
    run();
    Ok(())
}

fn prepare(slot: usize, kernel: &str, tree: JsValue) -> Result<Box<dyn crate::task::Task>, Failure> {
    if slot >= SLOTS {
        return Err(Failure::new(Code::BadParams, format!("slot {slot} of {SLOTS}")));
    }
    let entry = __loomwork_kernels()
        .iter()
        .find(|entry| entry.name == kernel)
        .ok_or_else(|| Failure::new(Code::UnknownKernel, format!("no kernel is named '{kernel}'")))?;
    let tree: Tree = serde_wasm_bindgen::from_value(tree)
        .map_err(|error| Failure::new(Code::BadParams, format!("params are not plain data: {error}")))?;
    (entry.prepare)(tree)
        .map_err(|error| Failure::from_error(error).unwrap_or_else(|| Failure::new(Code::BadParams, "cancelled")))
}

/// What happened next: `{ id, kind, tree?, arrays?, error?, done?, total? }`, or `undefined` when nothing has.
///
/// `arrays` tells where the value's arrays lie; they stay valid until the next call.
#[wasm_bindgen(js_name = nextEvent)]
pub fn next_event() -> JsValue {
    CURRENT.set(None);
    let event = EVENTS.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let out = Object::new();
    match event {
        None => return JsValue::UNDEFINED,
        Some(Event::Part(id, value)) => {
            set(&out, "id", id);
            set_value(&out, "part", value);
        }
        Some(Event::End { id, slot, outcome }) => {
            let (done, total) = ControlBlock::table()[slot].progress();
            set(&out, "id", id);
            set(&out, "done", done as f64);
            set(&out, "total", total as f64);
            match outcome {
                Outcome::Done(value) => set_value(&out, "done", value),
                Outcome::Cancelled => set(&out, "kind", "cancelled"),
                Outcome::Failed(failure) => {
                    set(&out, "kind", "failed");
                    set(&out, "error", to_js(&failure));
                }
            }
        }
    }
    out.into()
}

fn set_value(out: &Object, kind: &str, value: Value) {
    let (tree, views) = array::collect(|| to_js(&value));
    let arrays = JsArray::new();
    for view in views {
        let array = Object::new();
        set(&array, "dtype", view.dtype as u8);
        set(&array, "start", view.start as usize);
        set(&array, "len", view.len);
        if let Some(shape) = view.shape {
            set(&array, "shape", shape.into_iter().map(|n| JsValue::from(n as f64)).collect::<JsArray>());
        }
        arrays.push(&array);
    }
    set(out, "kind", kind);
    set(out, "tree", tree);
    set(out, "arrays", arrays);
    CURRENT.set(Some(value));
}

fn set(object: &Object, key: &str, value: impl Into<JsValue>) {
    // Setting a property of a plain object that nobody else has seen cannot fail.
    let _ = Reflect::set(object, &key.into(), &value.into());
}

fn to_js<T: Serialize + ?Sized>(value: &T) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).unwrap_or_else(|error| {
        // An output that JavaScript cannot hold (a u64 over 2^53 outside of an array): say so in its place.
        JsValue::from(js_sys::Error::new(&error.to_string()))
    })
}
