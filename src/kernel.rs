//! The trait that a kernel implements, and the registry of them.

use crate::error::KernelError;
use crate::job::Job;
use crate::params::{self, Tree};
use crate::shard::Sharding;
use crate::task::Task;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// A computation: typed params in, typed output out, no DOM, no I/O.
///
/// Params, output and part are plain serde structs. Give them `#[serde(rename_all = "camelCase")]`, params also
/// `#[serde(deny_unknown_fields)]`, and document each field: the TypeScript types and `loomwork kernels` show it.
///
/// Parallelism is rayon's. In a long loop call [`Job::check`] at least once per millisecond and thread. One long parallel loop is faster than many
/// short ones: in wasm a thread that finds nothing to do sleeps after a microsecond or two, and to wake it takes tens of them.
///
/// ```
/// use loomwork::{Array, Job, Kernel, KernelError};
/// use loomwork::reexport::{schemars::{self, JsonSchema}, serde::{Deserialize, Serialize}};
///
/// /// Adds `by` to each element.
/// pub struct Add;
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields)]
/// pub struct AddParams {
///     /// The numbers.
///     data: Array<f32>,
///     /// What is added to each.
///     by: f32,
/// }
///
/// #[derive(Serialize, JsonSchema)]
/// pub struct AddOutput {
///     /// The sums, as many as `data`.
///     data: Array<f32>,
/// }
///
/// impl Kernel for Add {
///     const NAME: &'static str = "add";
///     const ABOUT: &'static str = "Adds a number to each element.";
///     type Params = AddParams;
///     type Output = AddOutput;
///     type Part = ();
///     fn run(params: AddParams, job: &Job) -> Result<AddOutput, KernelError> {
///         let mut data = params.data;
///         for chunk in data.chunks_mut(65_536) {
///             job.check()?;
///             chunk.iter_mut().for_each(|x| *x += params.by);
///         }
///         Ok(AddOutput { data })
///     }
/// }
///
/// loomwork::kernels![Add];
/// # fn main() {}
/// ```
pub trait Kernel: 'static {
    /// The name that callers use: lower case, dots between groups (`image.resize`).
    const NAME: &'static str;
    /// One sentence for listings.
    const ABOUT: &'static str;
    /// What the caller gives.
    type Params: DeserializeOwned + JsonSchema + Send + 'static;
    /// What the caller gets.
    type Output: Serialize + JsonSchema + Send + 'static;
    /// What [`Job::emit`] streams; `()` for a kernel that streams nothing.
    type Part: Serialize + JsonSchema + Send + 'static;

    /// Refuses params that have the right types but unusable values, before the job starts.
    ///
    /// # Errors
    /// [`KernelError::bad_params`] naming the field. Cheap checks only: it runs on the coordinator.
    fn validate(_params: &Self::Params) -> Result<(), KernelError> {
        Ok(())
    }

    /// Does the work.
    ///
    /// # Errors
    /// [`KernelError::Cancelled`] when [`Job::check`] said so, else what stopped it.
    fn run(params: Self::Params, job: &Job<Self::Part>) -> Result<Self::Output, KernelError>;

    /// How a job divides where threads cannot share a memory: `Some(Sharding::of::<Self>())` of a kernel that is
    /// [`Shardable`](crate::Shardable). One that says nothing runs whole everywhere.
    fn sharding() -> Option<Sharding> {
        None
    }
}

/// Validates and runs a kernel natively, on the current rayon pool.
///
/// # Errors
/// What [`Kernel::validate`] or [`Kernel::run`] return.
pub fn run<K: Kernel>(params: K::Params, job: &Job<K::Part>) -> Result<K::Output, KernelError> {
    K::validate(&params)?;
    K::run(params, job)
}

/// One kernel in a registry, with its types erased.
pub struct Entry {
    /// [`Kernel::NAME`].
    pub name: &'static str,
    /// [`Kernel::ABOUT`].
    pub about: &'static str,
    /// Decodes and validates params into a task that is ready to run.
    pub prepare: fn(Tree) -> Result<Box<dyn Task>, KernelError>,
    /// [`Kernel::sharding`].
    pub sharding: fn() -> Option<Sharding>,
    /// JSON Schemas of params, output and part.
    #[cfg(any(not(target_family = "wasm"), feature = "describe"))]
    pub schemas: fn(&mut schemars::SchemaGenerator) -> [schemars::Schema; 3],
}

impl Entry {
    /// The entry of kernel `K`.
    pub const fn of<K: Kernel>() -> Self {
        Self {
            name: K::NAME,
            about: K::ABOUT,
            prepare: |tree| {
                let params: K::Params = params::decode(tree)?;
                K::validate(&params)?;
                Ok(Box::new(crate::task::Prepared::<K>(params)))
            },
            // Where threads share a memory nothing divides jobs, and how is not compiled.
            #[cfg(not(all(target_family = "wasm", feature = "threads")))]
            sharding: K::sharding,
            #[cfg(all(target_family = "wasm", feature = "threads"))]
            sharding: || None,
            #[cfg(any(not(target_family = "wasm"), feature = "describe"))]
            schemas: |generator| {
                [
                    generator.subschema_for::<K::Params>(),
                    generator.subschema_for::<K::Output>(),
                    generator.subschema_for::<K::Part>(),
                ]
            },
        }
    }
}

/// Registers a list of kernels: the dispatch table of a wasm artifact.
///
/// Call it once, at the root of the crate that is built. Two kernels of one name do not compile, nor does a name that is not
/// lower-case words between dots. A kernel may stand behind a `#[cfg(feature = "…")]`.
#[macro_export]
macro_rules! kernels {
    ($($(#[$condition:meta])* $kernel:ty),+ $(,)?) => {
        /// The kernels of this crate.
        pub static KERNELS: &[$crate::kernel::Entry] = &[$($(#[$condition])* $crate::kernel::Entry::of::<$kernel>()),+];

        const _: () = $crate::kernel::assert_names(&[$($(#[$condition])* <$kernel as $crate::kernel::Kernel>::NAME),+]);

        // How the boundary, in the library, finds the list of the crate that is built on it.
        #[cfg(target_family = "wasm")]
        #[unsafe(no_mangle)]
        extern "Rust" fn __loomwork_kernels() -> &'static [$crate::kernel::Entry] {
            KERNELS
        }
    };
}

/// Stops the build when a name cannot be a kernel's, or is two kernels'. Used by [`kernels!`].
#[doc(hidden)]
pub const fn assert_names(names: &[&str]) {
    let mut i = 0;
    while i < names.len() {
        if !is_name(names[i].as_bytes()) {
            refuse(
                "a kernel's NAME must be lower-case words with dots between them, as in 'image.resize', and not ",
                names[i],
            );
        }
        let mut j = i + 1;
        while j < names.len() {
            if same(names[i], names[j]) {
                refuse("two kernels in kernels![…] have the NAME ", names[i]);
            }
            j += 1;
        }
        i += 1;
    }
}

/// Whether the bytes are words of letters, digits, `_` and `-`, each of which begins with a letter, with dots between.
const fn is_name(name: &[u8]) -> bool {
    let (mut i, mut begins) = (0, true);
    while i < name.len() {
        let fits = match name[i] {
            b'a'..=b'z' => true,
            b'0'..=b'9' | b'_' | b'-' | b'.' => !begins,
            _ => false,
        };
        if !fits {
            return false;
        }
        begins = name[i] == b'.';
        i += 1;
    }
    !begins
}

/// Panics with the message and the name in quotes. A constant's panic takes one text only, so they are put together here.
const fn refuse(message: &str, name: &str) -> ! {
    let mut text = [0; 256];
    let mut len = append(&mut text, 0, message.as_bytes());
    len = append(&mut text, len, b"'");
    // A longer one is cut off: it is a name that its author knows.
    len = append(&mut text, len, name.as_bytes().split_at(if name.len() < 100 { name.len() } else { 100 }).0);
    len = append(&mut text, len, b"'");
    match str::from_utf8(text.split_at(len).0) {
        Ok(text) => panic!("{}", text),
        Err(_) => panic!("a kernel's NAME must be ASCII"),
    }
}

const fn append(text: &mut [u8], at: usize, more: &[u8]) -> usize {
    let mut i = 0;
    while i < more.len() {
        text[at + i] = more[i];
        i += 1;
    }
    at + more.len()
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(names: &[&str]) -> String {
        let caught = std::panic::catch_unwind(|| assert_names(names)).expect_err("they are refused");
        caught.downcast_ref::<String>().cloned().unwrap_or_else(|| (*caught.downcast_ref::<&str>().unwrap()).into())
    }

    #[test]
    fn names_that_can_be_kernels() {
        assert_names(&["sort", "image.resize", "fft2", "a.b-c_d.e"]);
    }

    #[test]
    fn a_name_of_two_kernels_is_named() {
        assert_eq!(refused(&["sort", "hash", "sort"]), "two kernels in kernels![…] have the NAME 'sort'");
    }

    #[test]
    fn names_that_cannot_be() {
        for name in ["", "Sort", "2d", "image.", ".x", "a..b", "a b", "ü", "a.2"] {
            assert!(refused(&[name]).contains(&format!("and not '{name}'")), "{name}");
        }
        assert!(refused(&["X".repeat(1000).as_str()]).ends_with(&format!("'{}'", "X".repeat(100))));
    }
}
