//! The boundary: the only module that speaks to JavaScript (wasm only).
//!
//! In the `threads` artifact each worker is one of three. The *coordinator* moves bulk data in with [`attach`], hands a job over with
//! [`submit`] and takes what happened out with [`next_event`] each time that its bell has rung. A *lane* opens its pool with
//! [`open_lane`] and then runs jobs in [`run_lane`] until it is told to stop. A *thread* of a lane's pool works in [`run_thread`].
//! In the other artifacts there is one thread: `submit` runs the job to its end and calls the listener of [`on_event`] on the way.

use crate::array::{self, AnyArray, DType};
#[cfg(feature = "threads")]
use crate::bell::Bell;
use crate::control::{ControlBlock, SLOTS};
use crate::error::{Code, Failure, KernelError};
use crate::kernel::Entry;
use crate::params::Tree;
#[cfg(feature = "threads")]
use crate::place;
#[cfg(not(feature = "threads"))]
use crate::shard::Aim;
use crate::task::{OUT_OF_MEMORY, Outcome, PartSink, Task, Value, run_caught};
use js_sys::{Array as JsArray, Object, Reflect};
use serde::Serialize;
use std::cell::RefCell;
#[cfg(not(feature = "threads"))]
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use wasm_bindgen::prelude::*;

#[cfg(feature = "no-bundler")]
pub use wasm_bindgen_rayon::init_thread_pool;

unsafe extern "Rust" {
    /// Defined by `kernels!` in the crate that is built.
    safe fn __loomwork_kernels() -> &'static [Entry];
}

/// The kernels of the crate that is built.
pub(crate) fn kernels() -> &'static [Entry] {
    __loomwork_kernels()
}

#[cfg(feature = "threads")]
pub(crate) use threads::{make_room, now};

/// Something that happened to a job, on its way to the caller.
enum Event {
    Part {
        id: u32,
        slot: usize,
        number: u32,
        value: Value,
    },
    End {
        id: u32,
        slot: usize,
        outcome: Outcome,
    },
    /// An array of so many bytes will be in the output.
    #[cfg(feature = "threads")]
    Room {
        id: u32,
        slot: usize,
        bytes: usize,
    },
}

static EVENTS: Mutex<VecDeque<Event>> = Mutex::new(VecDeque::new());

/// Outputs that their callers read where they lie, until they are released, by job.
static LENT: Mutex<Vec<(u32, Value)>> = Mutex::new(Vec::new());

thread_local! {
    /// Arrays of the next job's params; of those that JavaScript fills, how many elements.
    static PENDING: RefCell<Vec<(AnyArray, Option<usize>)>> = const { RefCell::new(Vec::new()) };
    /// The value whose arrays JavaScript is reading.
    static CURRENT: RefCell<Option<Value>> = const { RefCell::new(None) };
    /// Arrays of jobs that wait, which JavaScript fills, by their numbers; how many elements.
    #[cfg(not(feature = "threads"))]
    static HELD: RefCell<BTreeMap<u32, (AnyArray, usize)>> = const { RefCell::new(BTreeMap::new()) };
    #[cfg(not(feature = "threads"))]
    static LISTENER: RefCell<Option<js_sys::Function>> = const { RefCell::new(None) };
}

fn push(event: Event) {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    #[cfg(feature = "threads")]
    threads::COORDINATOR.ring();
    #[cfg(not(feature = "threads"))]
    tell_listener();
}

#[cfg(not(feature = "threads"))]
fn tell_listener() {
    if let Some(listener) = LISTENER.with_borrow(Clone::clone) {
        // A listener that throws must not unwind through a kernel: its own side reports the error.
        let _ = listener.call0(&JsValue::NULL);
    }
}

// What JavaScript does while a kernel runs on its only thread. Not through wasm-bindgen: where the engine can suspend wasm, this is where it
// does, and there must be no JavaScript on the stack.
#[cfg(not(any(feature = "threads", feature = "no-bundler")))]
#[link(wasm_import_module = "loomwork-look")]
unsafe extern "C" {
    /// The caller's thread may go on, and stop the job; progress may be told. Returns how many looks may go by until the next call
    /// (`www/host/worker/look.ts`).
    #[link_name = "look"]
    safe fn look_up() -> u32;
}

/// A hosted job looks at itself, or tells of its progress.
#[cfg(not(feature = "threads"))]
pub(crate) fn look() {
    #[cfg(not(feature = "no-bundler"))]
    {
        thread_local!(static LEFT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
        LEFT.set(LEFT.get().checked_sub(1).unwrap_or_else(|| look_up()));
    }
}

/// Sets who is called when something happens while [`submit`] runs (single-threaded artifacts).
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = onEvent)]
pub fn on_event(listener: js_sys::Function) {
    LISTENER.set(Some(listener));
}

/// To be called once in each instance, before anything else.
#[wasm_bindgen]
pub fn boot() {
    // An allocation that fails becomes a panic, which costs one job; an abort would cost the instance.
    std::alloc::set_alloc_error_hook(|layout| panic!("{OUT_OF_MEMORY}{}", layout.size()));
}

/// The names of the kernels in this artifact, in the order of their numbers.
#[wasm_bindgen(js_name = kernelNames)]
pub fn kernel_names() -> Vec<String> {
    kernels().iter().map(|entry| entry.name.to_string()).collect()
}

/// Address of the table of control blocks.
#[wasm_bindgen(js_name = controlTable)]
pub fn control_table() -> usize {
    ControlBlock::table().as_ptr() as usize
}

/// Room for an array of the next job's params; returns its address, or 0 when the memory cannot be had.
///
/// The caller fills all of it before [`submit`] or gives it up with [`detach`].
#[wasm_bindgen]
pub fn attach(dtype: u8, len: usize) -> usize {
    let Some(&dtype) = DType::ALL.get(dtype as usize) else { return 0 };
    let Ok(mut array) = AnyArray::with_capacity(dtype, len) else { return 0 };
    let start = array.as_mut_ptr() as usize;
    PENDING.with_borrow_mut(|pending| pending.push((array, Some(len))));
    start
}

/// Attaches an array that lies in this memory already, in pages that the caller's thread has set aside and keeps as they are until the job is
/// answered. `false` when it cannot lie there.
#[cfg(feature = "threads")]
#[wasm_bindgen(js_name = attachInPlace)]
pub fn attach_in_place(dtype: u8, start: usize, len: usize) -> bool {
    let Some(&dtype) = DType::ALL.get(dtype as usize) else { return false };
    // SAFETY: inside of the memory it lies in pages that no allocator of this instance owns (www/host/main/arena.ts). The caller's thread
    // takes them for nothing else until the job is answered, by when its params are dropped; that nobody writes there meanwhile is asked of
    // the caller (`host.alloc`), as of any memory that threads share.
    let Some(array) = (unsafe { place::lent(dtype, start, len, threads::memory_bytes()) }) else { return false };
    PENDING.with_borrow_mut(|pending| pending.push((array, None)));
    true
}

/// Room for an array of the params of a job that is not the next yet, under a number that no other has; returns its address, or 0 when the memory
/// cannot be had. It is kept until [`attach_held`] or [`let_go`]. May be called while a step is suspended.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen]
pub fn hold(number: u32, dtype: u8, len: usize) -> usize {
    let Some(&dtype) = DType::ALL.get(dtype as usize) else { return 0 };
    let Ok(mut array) = AnyArray::with_capacity(dtype, len) else { return 0 };
    let start = array.as_mut_ptr() as usize;
    HELD.with_borrow_mut(|held| held.insert(number, (array, len)));
    start
}

/// Attaches an array that is held and filled. `false` when none of this number is.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = attachHeld)]
pub fn attach_held(number: u32) -> bool {
    let Some((array, len)) = HELD.with_borrow_mut(|held| held.remove(&number)) else { return false };
    PENDING.with_borrow_mut(|pending| pending.push((array, Some(len))));
    true
}

/// Frees an array that is held, if it still is.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = letGo)]
pub fn let_go(number: u32) {
    HELD.with_borrow_mut(|held| held.remove(&number));
}

/// Gives up what was attached since the last job.
#[wasm_bindgen]
pub fn detach() {
    PENDING.take();
}

/// Hands a job over, with the arrays attached since the last call. `slot` is its control block, which the caller's thread has
/// cleared; `params` is MessagePack.
///
/// # Errors
/// A `Failure` when the kernel is unknown or its params are unusable: the job has not started.
#[wasm_bindgen]
pub fn submit(slot: usize, id: u32, kernel: &str, params: &[u8]) -> Result<(), JsValue> {
    let task = with_arrays(|| prepare(entry(kernel)?, params)).map_err(|failure| to_js(&failure))?;
    if slot >= SLOTS {
        return Err(to_js(&Failure::new(Code::BadParams, format!("slot {slot} of {SLOTS}"))));
    }
    #[cfg(feature = "threads")]
    threads::hand_over(slot, task);
    #[cfg(not(feature = "threads"))]
    {
        let outcome = run_caught(task, &ControlBlock::table()[slot], part_sink(id, slot));
        push(Event::End { id, slot, outcome });
    }
    let _ = id;
    Ok(())
}

/// The names of the kernels whose jobs divide: into one round of shards, or into several if `rounds`.
#[wasm_bindgen(js_name = shardableKernels)]
pub fn shardable_kernels(rounds: bool) -> Vec<String> {
    let divides = |entry: &&Entry| (entry.sharding)().is_some_and(|sharding| sharding.rounds == rounds);
    kernels().iter().filter(divides).map(|entry| entry.name.to_string()).collect()
}

/// Begins a job that is to be done in at most `pieces` at a time, each of some milliseconds, in this instance by `__loomwork_step`. Whether it
/// is divided: else it is one step.
///
/// # Errors
/// A `Failure` as of [`submit`].
#[cfg(not(feature = "threads"))]
#[wasm_bindgen]
pub fn begin(id: u32, kernel: &str, params: &[u8], pieces: usize) -> Result<bool, JsValue> {
    local::begin(id, kernel, params, Aim { pieces, short: true }).map_err(|failure| to_js(&failure))
}

/// How far a job that [`begin`] began has come: `[done, total]`, or `undefined` when it has ended. [`forget`] drops what is left of it.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = progressOf)]
pub fn progress_of(id: u32) -> Option<Vec<f64>> {
    local::progress_of(id)
}

/// Divides a job into at most `pieces`: `{ shards, done?, total? }`. A shard is `{ params, arrays }`, valid
/// until the next call; `done` and `total` say how far a job in rounds has come. Where dividing does not pay, it is run whole if `or_run`, and the
/// answer is `undefined`; else there are no shards. The plan is kept until [`merge`] or [`forget`].
///
/// # Errors
/// A `Failure` as of [`submit`].
#[cfg(not(feature = "threads"))]
#[wasm_bindgen]
pub fn split(
    slot: usize,
    id: u32,
    kernel: &str,
    params: &[u8],
    pieces: usize,
    or_run: bool,
) -> Result<JsValue, JsValue> {
    local::split(slot, id, kernel, params, Aim { pieces, short: false }, or_run).map_err(|failure| to_js(&failure))
}

/// Runs one shard that [`split`] or [`merge`] gave, as [`submit`] runs a job.
///
/// # Errors
/// A `Failure` as of [`submit`].
#[cfg(not(feature = "threads"))]
#[wasm_bindgen(js_name = runShard)]
pub fn run_shard(slot: usize, id: u32, kernel: &str, params: &[u8]) -> Result<(), JsValue> {
    local::run_shard(slot, id, kernel, params).map_err(|failure| to_js(&failure))
}

/// Goes on from what a job's shards gave, a MessagePack list with the arrays attached since the last call: tells the job's end, or gives the
/// next round's shards, as [`split`] does. No shards: it is to be called again after a turn of the event loop.
///
/// # Errors
/// A `Failure` when they cannot be put together, or as of a kernel.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen]
pub fn merge(slot: usize, id: u32, kernel: &str, outputs: &[u8]) -> Result<JsValue, JsValue> {
    local::merge(slot, id, kernel, outputs).map_err(|failure| to_js(&failure))
}

/// Forgets what is left of a job in pieces: its plan, or the pieces themselves.
#[cfg(not(feature = "threads"))]
#[wasm_bindgen]
pub fn forget(id: u32) {
    local::PLANS.with_borrow_mut(|plans| plans.retain(|(planned, _)| *planned != id));
    local::BEGUN.with_borrow_mut(|begun| begun.retain(|(kept, _)| *kept != id));
}

fn entry(kernel: &str) -> Result<&'static Entry, Failure> {
    kernels()
        .iter()
        .find(|entry| entry.name == kernel)
        .ok_or_else(|| Failure::new(Code::UnknownKernel, format!("no kernel is named '{kernel}'")))
}

/// Runs `decode` with the arrays that were attached since the last call.
fn with_arrays<T>(decode: impl FnOnce() -> T) -> T {
    let arrays = PENDING.take().into_iter().map(|(mut array, len)| {
        if let Some(len) = len {
            // SAFETY: `len` elements were reserved, and the worker has written them all; every pattern of bits is a valid number.
            unsafe { array.assume_filled(len) };
        }
        array
    });
    array::attach(arrays.collect());
    let decoded = decode();
    array::attach(Vec::new());
    decoded
}

fn prepare(entry: &Entry, params: &[u8]) -> Result<Box<dyn Task>, Failure> {
    (entry.prepare)(tree(params)?).map_err(failure)
}

fn tree(params: &[u8]) -> Result<Tree, Failure> {
    rmp_serde::from_slice(params)
        .map_err(|error| Failure::new(Code::BadParams, format!("params are not plain data: {error}")))
}

fn failure(error: KernelError) -> Failure {
    Failure::from_error(error).unwrap_or_else(|| Failure::new(Code::KernelError, "cancelled before its start"))
}

fn part_sink(id: u32, slot: usize) -> PartSink {
    Box::new(move |number, value| push(Event::Part { id, slot, number, value }))
}

/// What happened next: `{ id, slot, kind, number?, tree?, arrays?, error?, done?, total?, lent?, bytes? }`, or `undefined` when nothing has.
///
/// `arrays` tells where the value's arrays lie; they stay valid until the next call, or until [`release`] when `lent`.
#[wasm_bindgen(js_name = nextEvent)]
pub fn next_event() -> JsValue {
    CURRENT.set(None);
    let event = EVENTS.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let out = Object::new();
    match event {
        None => return JsValue::UNDEFINED,
        Some(Event::Part { id, slot, number, value }) => {
            set(&out, "id", id);
            set(&out, "slot", slot);
            set(&out, "number", number);
            set_value(&out, "part", &value);
            CURRENT.set(Some(value));
        }
        #[cfg(feature = "threads")]
        Some(Event::Room { id, slot, bytes }) => {
            set(&out, "id", id);
            set(&out, "slot", slot);
            set(&out, "kind", "room");
            set(&out, "bytes", bytes);
        }
        Some(Event::End { id, slot, outcome }) => {
            let control = &ControlBlock::table()[slot];
            let (done, total) = control.progress();
            set(&out, "id", id);
            set(&out, "slot", slot);
            set(&out, "done", done as f64);
            set(&out, "total", total as f64);
            match outcome {
                Outcome::Done(value) => {
                    set_value(&out, "done", &value);
                    if control.lends() {
                        set(&out, "lent", true);
                        LENT.lock().unwrap_or_else(PoisonError::into_inner).push((id, value));
                    } else {
                        CURRENT.set(Some(value));
                    }
                }
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

/// Whether [`next_event`] has something.
#[wasm_bindgen(js_name = hasEvents)]
pub fn has_events() -> bool {
    !EVENTS.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// Frees the output that a job lent.
#[wasm_bindgen]
pub fn release(id: u32) {
    LENT.lock().unwrap_or_else(PoisonError::into_inner).retain(|(lent, _)| *lent != id);
}

fn set_value(out: &Object, kind: &str, value: &Value) {
    let (tree, views) = array::collect(|| to_js(value));
    set(out, "kind", kind);
    set(out, "tree", tree);
    set(out, "arrays", js_views(views));
}

/// Where arrays lie, for JavaScript.
fn js_views(views: Vec<array::View>) -> JsArray {
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
    arrays
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

/// The single-threaded artifacts: jobs in pieces.
#[cfg(not(feature = "threads"))]
mod local {
    use super::*;
    use crate::shard::{Begun, InPieces, Merged, Plan, Sharding, Shards, Split};

    thread_local! {
        pub(super) static PLANS: RefCell<Vec<(u32, Plan)>> = const { RefCell::new(Vec::new()) };
        /// Jobs that are done in pieces here.
        pub(super) static BEGUN: RefCell<Vec<(u32, Box<dyn InPieces>)>> = const { RefCell::new(Vec::new()) };
        /// Params of shards whose arrays JavaScript is reading.
        static SHARDS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    }

    fn sharding(kernel: &str) -> Result<Sharding, Failure> {
        (entry(kernel)?.sharding)()
            .ok_or_else(|| Failure::new(Code::KernelError, format!("jobs of '{kernel}' do not divide")))
    }

    pub(super) fn split(
        slot: usize,
        id: u32,
        kernel: &str,
        params: &[u8],
        aim: Aim,
        or_run: bool,
    ) -> Result<JsValue, Failure> {
        SHARDS.take();
        let sharding = sharding(kernel)?;
        let params = tree(params)?;
        match with_arrays(|| caught(|| (sharding.split)(params, aim)))? {
            Split::Shards(shards) => give(id, shards),
            Split::Whole(_) if !or_run => {
                let none = Object::new();
                set(&none, "shards", JsArray::new());
                Ok(none.into())
            }
            Split::Whole(task) => {
                run_whole(slot, id, task);
                Ok(JsValue::UNDEFINED)
            }
            Split::Done(value) => {
                push(Event::End { id, slot, outcome: Outcome::Done(value) });
                Ok(JsValue::UNDEFINED)
            }
        }
    }

    /// Shards, for JavaScript; their plan is kept.
    fn give(id: u32, Shards { params, plan, progress }: Shards) -> Result<JsValue, Failure> {
        let list = JsArray::new();
        for shard in &params {
            let (bytes, views) = array::collect(|| rmp_serde::to_vec_named(shard));
            let bytes = bytes.map_err(|error| Failure::new(Code::KernelError, error.to_string()))?;
            let object = Object::new();
            set(&object, "params", js_sys::Uint8Array::from(bytes.as_slice()));
            set(&object, "arrays", js_views(views));
            list.push(&object);
        }
        SHARDS.set(params);
        PLANS.with_borrow_mut(|plans| plans.push((id, plan)));
        let out = Object::new();
        set(&out, "shards", list);
        if let Some((done, total)) = progress {
            set(&out, "done", done as f64);
            set(&out, "total", total as f64);
        }
        Ok(out.into())
    }

    pub(super) fn run_shard(slot: usize, id: u32, kernel: &str, params: &[u8]) -> Result<(), Failure> {
        let sharding = sharding(kernel)?;
        let params = tree(params)?;
        let task = with_arrays(|| (sharding.shard)(params)).map_err(failure)?;
        run_whole(slot, id, task);
        Ok(())
    }

    fn run_whole(slot: usize, id: u32, task: Box<dyn Task>) {
        let outcome = run_caught(task, &ControlBlock::table()[slot], part_sink(id, slot));
        push(Event::End { id, slot, outcome });
    }

    pub(super) fn begin(id: u32, kernel: &str, params: &[u8], aim: Aim) -> Result<bool, Failure> {
        let entry = entry(kernel)?;
        let begun = match (entry.sharding)() {
            None => Begun::Whole(with_arrays(|| prepare(entry, params))?),
            Some(sharding) => {
                let params = tree(params)?;
                with_arrays(|| caught(|| (sharding.begin)(params, aim)))?
            }
        };
        let is_divided = matches!(begun, Begun::Pieces(_));
        BEGUN.with_borrow_mut(|jobs| jobs.push((id, begun.into_pieces())));
        Ok(is_divided)
    }

    /// Does the next piece of a job that was begun; 0 when it has ended, which is told as an event. Not through wasm-bindgen, so that the engine
    /// can suspend it.
    #[cfg(not(feature = "no-bundler"))]
    #[unsafe(no_mangle)]
    extern "C" fn __loomwork_step(slot: usize, id: u32) -> u32 {
        let Some(control) = ControlBlock::table().get(slot) else { return 0 };
        let job = BEGUN
            .with_borrow_mut(|begun| begun.iter().position(|(kept, _)| *kept == id).map(|at| begun.swap_remove(at).1));
        let Some(mut job) = job else { return 0 };
        let outcome = match crate::task::caught(|| job.step(control, part_sink(id, slot))) {
            Ok(Ok(None)) => {
                BEGUN.with_borrow_mut(|begun| begun.push((id, job)));
                return 1;
            }
            Ok(Ok(Some(value))) => Outcome::Done(value),
            Ok(Err(error)) => Failure::from_error(error).map_or(Outcome::Cancelled, Outcome::Failed),
            Err(failure) => Outcome::Failed(failure),
        };
        push(Event::End { id, slot, outcome });
        0
    }

    pub(super) fn progress_of(id: u32) -> Option<Vec<f64>> {
        BEGUN.with_borrow(|begun| {
            let (_, job) = begun.iter().find(|(kept, _)| *kept == id)?;
            let (done, total) = job.progress();
            Some(vec![done as f64, total as f64])
        })
    }

    pub(super) fn merge(slot: usize, id: u32, kernel: &str, outputs: &[u8]) -> Result<JsValue, Failure> {
        SHARDS.take();
        let plan = PLANS.with_borrow_mut(|plans| {
            plans.iter().position(|(planned, _)| *planned == id).map(|at| plans.swap_remove(at).1)
        });
        let plan = plan.ok_or_else(|| Failure::new(Code::KernelError, "the job's plan is not here"))?;
        let sharding = sharding(kernel)?;
        let Tree::List(outputs) = tree(outputs)? else {
            return Err(Failure::new(Code::KernelError, "outputs of shards are a list"));
        };
        let control = &ControlBlock::table()[slot];
        match with_arrays(|| caught(|| (sharding.merge)(plan, outputs, control, part_sink(id, slot))))? {
            Merged::Shards(shards) => give(id, shards),
            Merged::Done(value) => {
                push(Event::End { id, slot, outcome: Outcome::Done(value) });
                Ok(JsValue::UNDEFINED)
            }
        }
    }

    /// A panic in a kernel's `split` or `merge` costs the job, as one in `run` does.
    fn caught<T>(work: impl FnOnce() -> Result<T, KernelError>) -> Result<T, Failure> {
        crate::task::caught(work).and_then(|result| result.map_err(failure))
    }
}

/// The `threads` artifact: lanes, their threads, and what the coordinator has for them.
#[cfg(feature = "threads")]
mod threads {
    use super::*;
    use crate::busy::{self, Diary};
    use crate::control::{ELSEWHERE, PREPARED};
    use crate::dispatch::{Dispatch, LANES};
    use crate::kept::Kept;
    use crate::task::{self, write_small};
    use crate::{pool, stack};
    use rayon::ThreadPool;

    /// Rings when there are events.
    pub(super) static COORDINATOR: Bell = Bell::new();

    /// Jobs whose params the coordinator has decoded, by slot.
    static PREPARED_TASKS: [Mutex<Option<Box<dyn Task>>>; SLOTS] = [const { Mutex::new(None) }; SLOTS];

    /// Outputs that their callers copy where they lie.
    static KEPT: Mutex<Kept<Value>> = Mutex::new(Kept::new());

    thread_local! {
        static POOL: RefCell<Option<ThreadPool>> = const { RefCell::new(None) };
    }

    // The one thing that a lane asks JavaScript: wasm has no clock. Not through wasm-bindgen, whose imports trap on every thread once one
    // has trapped, so that the innocent would look like the cause.
    #[cfg(not(feature = "no-bundler"))]
    #[link(wasm_import_module = "loomwork-clock")]
    unsafe extern "C" {
        /// Milliseconds since 1970 (`www/host/worker/clock.ts`).
        pub(crate) safe fn now() -> f64;
    }
    #[cfg(feature = "no-bundler")]
    pub(crate) fn now() -> f64 {
        js_sys::Date::now()
    }

    /// Address of the rings and bells ([`Dispatch`]).
    #[wasm_bindgen]
    pub fn dispatch() -> usize {
        Dispatch::shared() as *const Dispatch as usize
    }

    /// Address of the [`Diary`].
    #[wasm_bindgen]
    pub fn diary() -> usize {
        &raw const *Diary::shared() as usize
    }

    /// Address of the coordinator's [`Bell`].
    #[wasm_bindgen(js_name = coordinatorBell)]
    pub fn coordinator_bell() -> usize {
        &raw const COORDINATOR as usize
    }

    /// Bytes of room for its stack that each thread must be started with.
    #[wasm_bindgen(js_name = stackBytes)]
    pub fn stack_bytes() -> usize {
        stack::ROOM
    }

    /// Frees the outputs that were released since: lanes do it before each job, the coordinator before it moves a job's arrays in.
    #[wasm_bindgen(js_name = freeReleased)]
    pub fn free_released() {
        while let Some(id) = Dispatch::shared().released.pop() {
            super::release(id);
        }
    }

    pub(super) fn hand_over(slot: usize, task: Box<dyn Task>) {
        *PREPARED_TASKS[slot].lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        ControlBlock::table()[slot].turn().publish();
        // The ring holds twice as many numbers as there are slots: it cannot be full.
        Dispatch::shared().submit(slot);
    }

    /// Makes this worker the first thread of a lane's pool; the others come by [`run_thread`].
    #[wasm_bindgen(js_name = openLane)]
    pub fn open_lane(lane: usize, threads: usize) -> Result<(), JsValue> {
        if lane >= LANES {
            return Err(JsValue::from_str("no such lane"));
        }
        stack::watch(lane);
        let pool = pool::open(lane, threads).map_err(|error| JsValue::from_str(&error.to_string()))?;
        POOL.set(Some(pool));
        Ok(())
    }

    /// Runs jobs until the lane is told to stop. Blocks.
    #[wasm_bindgen(js_name = runLane)]
    pub fn run_lane(lane: usize) {
        Dispatch::shared().serve(lane, |slot| run(lane, slot), || now());
        // Ends the pool's other threads.
        POOL.set(None);
        stack::forget(lane);
    }

    /// Makes this worker one of the other threads of a lane's pool. Blocks until the lane ends.
    #[wasm_bindgen(js_name = runThread)]
    pub fn run_thread(lane: usize) -> bool {
        stack::watch(lane);
        pool::join(lane)
    }

    /// Bytes of an output from which room for it is worth an event.
    const WORTH_ROOM: usize = 1 << 20;

    /// Lets the coordinator, which will copy a job's output, make room for an array of so many bytes.
    pub(crate) fn make_room(control: &'static ControlBlock, bytes: usize) {
        if bytes >= WORTH_ROOM
            && !control.lends()
            && let Some(slot) = ControlBlock::table().element_offset(control)
        {
            push(Event::Room { id: control.id(), slot, bytes });
        }
    }

    fn run(lane: usize, slot: usize) {
        let Some(control) = ControlBlock::table().get(slot) else { return };
        if !control.turn().claim() {
            return;
        }
        let id = control.id();
        control.began(lane, now());
        // What its caller has released before is free for this job.
        free_released();
        let outcome = match take_task(control, slot) {
            Ok(task) => run_caught(task, control, part_sink(id, slot)),
            Err(failure) => Outcome::Failed(failure),
        };
        if !stack::intact(lane) {
            // As good as a trap: the job's neighbours in memory may be anything now.
            wasm_bindgen::throw_str("a kernel overflowed the stack of its thread");
        }
        busy::ended(lane);
        answer(control, slot, id, outcome, now());
    }

    fn take_task(control: &'static ControlBlock, slot: usize) -> Result<Box<dyn Task>, Failure> {
        let number = control.kernel();
        if number == PREPARED {
            let task = PREPARED_TASKS[slot].lock().unwrap_or_else(PoisonError::into_inner).take();
            return task.ok_or_else(|| Failure::new(Code::KernelError, "the job's params were lost"));
        }
        let entry = kernels()
            .get(number as usize)
            .ok_or_else(|| Failure::new(Code::UnknownKernel, format!("no kernel has the number {number}")))?;
        let decode = |params: &[u8], places: &[u8], count| {
            // SAFETY: as of `attach_in_place`.
            let arrays = unsafe { place::arrays(places, count, memory_bytes()) };
            array::attach(
                arrays
                    .ok_or_else(|| Failure::new(Code::BadParams, "an array does not lie in the instance's memory"))?,
            );
            // A panic of a kernel's own decoding or validating costs its job only.
            let prepared = task::caught(|| prepare(entry, params)).flatten();
            array::attach(Vec::new());
            prepared
        };
        // SAFETY: the job was claimed, so the turn is ours.
        unsafe { control.params(decode) }
    }

    /// Bytes of this memory by now.
    pub(super) fn memory_bytes() -> u64 {
        const PAGE: u64 = 65_536;
        core::arch::wasm32::memory_size(0) as u64 * PAGE
    }

    fn answer(control: &'static ControlBlock, slot: usize, id: u32, outcome: Outcome, at: f64) {
        match answer_here(control, slot, id, outcome) {
            Ok(how) => Dispatch::shared().conclude(control, slot, at, how),
            Err(outcome) => {
                Dispatch::shared().conclude(control, slot, at, ELSEWHERE);
                push(Event::End { id, slot, outcome });
            }
        }
    }

    /// Answers through the control block, and says how; gives the outcome back when it must go through the coordinator.
    fn answer_here(
        control: &'static ControlBlock,
        slot: usize,
        id: u32,
        outcome: Outcome,
    ) -> Result<&'static str, Outcome> {
        match outcome {
            Outcome::Cancelled => Ok("cancelled"),
            // Parts go through the coordinator: the end must not overtake them.
            _ if control.streaming() => Err(outcome),
            // SAFETY: the turn is ours until the job is concluded.
            Outcome::Failed(failure) => match unsafe { control.answer(|out| write_small(&failure, out)) } {
                Ok(_) => Ok("failed"),
                Err(_) => Err(Outcome::Failed(failure)),
            },
            // SAFETY: as before.
            Outcome::Done(value) => match unsafe { control.answer(|out| write_small(&value, out)) } {
                // The value is dropped before the caller hears of it: its memory is free for the next job.
                Ok(written) if written.arrays == 0 => Ok("done"),
                Ok(_) if control.lends() => {
                    LENT.lock().unwrap_or_else(PoisonError::into_inner).push((id, value));
                    Ok("done")
                }
                Ok(written) => {
                    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.keep(ControlBlock::table(), slot, written.bytes, value).map_err(Outcome::Done)?;
                    Ok("done")
                }
                Err(_) => Err(Outcome::Done(value)),
            },
        }
    }
}
