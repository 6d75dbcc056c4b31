//! A job with its kernel's types erased: decoded, validated, ready to run on any thread.
//!
//! The boundary prepares a [`Task`] on the coordinator, hands it to rayon and receives [`Value`]s back.

use crate::array;
use crate::control::{ControlBlock, Written};
use crate::error::{Code, Failure, KernelError};
use crate::job::Job;
use crate::kernel::Kernel;
use crate::place;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once, PoisonError};

/// An output or a part, on its way to the caller.
pub type Value = Box<dyn erased_serde::Serialize + Send>;

/// Where parts go, each with its number; any thread of the job may call it.
pub type PartSink = Box<dyn Fn(u32, Value) + Send + Sync>;

/// A decoded job of some kernel.
pub trait Task: Send {
    /// Runs the kernel on the current thread and rayon's pool.
    ///
    /// # Errors
    /// What the kernel returned.
    fn run(self: Box<Self>, control: &'static ControlBlock, parts: PartSink) -> Result<Value, KernelError>;
}

pub(crate) struct Prepared<K: Kernel>(pub(crate) K::Params);

impl<K: Kernel> Task for Prepared<K> {
    fn run(self: Box<Self>, control: &'static ControlBlock, parts: PartSink) -> Result<Value, KernelError> {
        let job = Job::hosted(control, move |number, part: K::Part| parts(number, Box::new(part)));
        K::run(self.0, &job).map(|output| Box::new(output) as Value)
    }
}

/// How a task ended.
pub enum Outcome {
    /// With an output.
    Done(Value),
    /// With an error, a panic or a lack of memory.
    Failed(Failure),
    /// It was told to stop, and did.
    Cancelled,
}

/// Writes a value into `out`, a control block's payload, if it fits: as MessagePack, and behind it the places of its arrays.
#[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
pub(crate) fn write_small<T: serde::Serialize + ?Sized>(value: &T, out: &mut [u8]) -> Result<Written, NotSmall> {
    let room = out.len();
    let mut rest = &mut *out;
    let (written, views) =
        array::collect(|| value.serialize(&mut rmp_serde::Serializer::new(&mut rest).with_struct_map()));
    written.map_err(|_| NotSmall)?;
    let length = room - rest.len();
    place::write(&views, out.get_mut(place::after(length)..).ok_or(NotSmall)?).ok_or(NotSmall)?;
    let bytes = views.iter().map(|view| view.len * view.dtype.size()).sum();
    Ok(Written { length, arrays: views.len(), bytes })
}

/// A value that goes another way than through a control block.
#[cfg_attr(not(all(target_family = "wasm", feature = "threads")), allow(dead_code))]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotSmall;

/// The panics seen lately: message and place. A panic's payload carries no place, and it is caught on
/// another thread than the one that panicked, so the hook keeps it here for [`run_caught`].
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// Text by which the allocation-error hook's panic is known from others.
pub(crate) const OUT_OF_MEMORY: &str = "loomwork: out of memory, bytes: ";

/// Runs a task; a panic anywhere in it ends this job only.
pub fn run_caught(task: Box<dyn Task>, control: &'static ControlBlock, parts: PartSink) -> Outcome {
    // A job cancelled while it waited never enters its kernel.
    if control.cancel_requested() {
        return Outcome::Cancelled;
    }
    // Unwind safety: the task and its params are dropped by the unwinding; nothing of them is seen again.
    match caught(|| task.run(control, parts)) {
        Ok(Ok(output)) => Outcome::Done(output),
        Ok(Err(error)) => Failure::from_error(error).map_or(Outcome::Cancelled, Outcome::Failed),
        Err(failure) => Outcome::Failed(failure),
    }
}

/// Runs a kernel's code; a panic in it becomes a failure.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(remember_panics);
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| panic_failure(&*payload))
}

fn remember_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = payload_text(info.payload());
        let place = info.location().map_or_else(String::new, ToString::to_string);
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        if panics.len() >= 64 {
            panics.remove(0);
        }
        panics.push((message, place));
        drop(panics);
        before(info);
    }));
}

fn panic_failure(payload: &(dyn std::any::Any + Send)) -> Failure {
    let message = payload_text(payload);
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = panics.iter().position(|(seen, _)| *seen == message).map(|at| panics.remove(at));
    if let Some(bytes) = message.strip_prefix(OUT_OF_MEMORY) {
        return Failure::new(
            Code::OutOfMemory,
            format!(
                "the kernel asked for {bytes} bytes and they could not be had; use smaller params or raise maxMemory"
            ),
        );
    }
    let location = found.map(|(_, place)| place);
    let place = location.as_deref().unwrap_or("an unknown place");
    Failure {
        location: location.clone(),
        ..Failure::new(Code::KernelPanic, format!("the kernel panicked at {place}: {message}"))
    }
}

/// The text of a panic.
fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}

#[cfg(all(test, not(loom), not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::kernel::Entry;
    use crate::params::Tree;
    use rayon::prelude::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    /// Ends as it is told, on a thread of the pool.
    struct Faulty;

    #[derive(Deserialize, JsonSchema)]
    struct FaultyParams {
        how: String,
    }

    #[derive(Serialize, JsonSchema)]
    struct FaultyOutput {}

    impl Kernel for Faulty {
        const NAME: &'static str = "faulty";
        const ABOUT: &'static str = "Fails in every way.";
        type Params = FaultyParams;
        type Output = FaultyOutput;
        type Part = ();

        fn run(params: FaultyParams, job: &Job) -> Result<FaultyOutput, KernelError> {
            (0..100).into_par_iter().try_for_each(|i| match params.how.as_str() {
                "panic" if i == 77 => panic!("number {i} is unlucky"),
                "memory" if i == 77 => panic!("{OUT_OF_MEMORY}4096"),
                "error" if i == 77 => {
                    let data = serde_json::json!({ "at": i });
                    Err(KernelError::Failed { message: "number 77".into(), data: Some(data) })
                }
                _ => Ok(job.check()?),
            })?;
            Ok(FaultyOutput {})
        }
    }

    fn end(how: &str, slot: usize) -> Outcome {
        let params = Tree::Map(vec![("how".into(), Tree::Text(how.into()))]);
        let task = (Entry::of::<Faulty>().prepare)(params).unwrap_or_else(|error| panic!("{error}"));
        run_caught(task, &ControlBlock::table()[slot], Box::new(|_, _| {}))
    }

    fn failure(how: &str, slot: usize) -> Failure {
        match end(how, slot) {
            Outcome::Failed(failure) => failure,
            Outcome::Done(_) => panic!("it was done"),
            Outcome::Cancelled => panic!("it was cancelled"),
        }
    }

    #[test]
    fn small_values_fit_and_others_do_not() {
        let mut out = [0; 32];
        assert_eq!(write_small(&FaultyOutput {}, &mut out), Ok(Written { length: 1, arrays: 0, bytes: 0 }));
        assert_eq!(out[0], 0x80);
        assert_eq!(write_small("a text that is longer than what is left", &mut out), Err(NotSmall));
        let text = "a text of 31 bytes, with its two";
        assert_eq!(write_small(&text[..30], &mut out), Ok(Written { length: 31, arrays: 0, bytes: 0 }));
        // Of no elements, for on this machine the address of others is wider than the words.
        let array = crate::Array::from(Vec::<u16>::new());
        assert_eq!(write_small(&array, &mut out), Ok(Written { length: 9, arrays: 1, bytes: 0 }));
        assert_eq!(out[12..16], (array::DType::U16 as u32).to_le_bytes());
        assert_eq!(write_small(&[array.clone(), array], &mut out), Err(NotSmall));
    }

    #[test]
    fn a_panic_on_a_pool_thread_tells_its_message_and_its_line() {
        let seen = failure("panic", 10);
        assert_eq!(seen.code, Code::KernelPanic);
        assert!(seen.message.ends_with("number 77 is unlucky"), "{}", seen.message);
        assert!(seen.location.is_some_and(|place| place.starts_with("src/task.rs:")));
        assert!(matches!(end("", 10), Outcome::Done(_)), "the pool works on");
    }

    #[test]
    fn a_failed_allocation_is_out_of_memory() {
        let seen = failure("memory", 11);
        assert_eq!(seen.code, Code::OutOfMemory);
        assert!(seen.message.contains("4096 bytes"), "{}", seen.message);
    }

    #[test]
    fn an_error_keeps_its_data() {
        let seen = failure("error", 12);
        assert_eq!(
            (seen.code, seen.message.as_str(), seen.data.as_deref()),
            (Code::KernelError, "number 77", Some("{\"at\":77}"))
        );
    }

    #[test]
    fn a_job_cancelled_while_it_waited_never_begins() {
        ControlBlock::table()[13].request_cancel();
        assert!(matches!(end("panic", 13), Outcome::Cancelled));
    }
}
