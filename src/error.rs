//! How a kernel fails, and the stable codes under which callers see it.
//!
//! Kernels return [`KernelError`]; the boundary turns it into a [`Failure`], which JavaScript wraps in a
//! `LoomworkError`. The codes are listed once, here; the TypeScript list is generated from [`Code::ALL`].

use serde::Serialize;

/// A job was told to stop (cancelled by its caller, or past its deadline).
///
/// [`Job::check`](crate::Job::check) returns it; a kernel passes it on with `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

/// Why a kernel did not finish.
#[derive(Debug, Clone, PartialEq)]
pub enum KernelError {
    /// The job was told to stop. Never an answer to a caller who did not ask for it.
    Cancelled,
    /// A param is unusable. `field` is its path as the caller wrote it (`image.width`).
    BadParams {
        /// Path of the field, dots between levels; empty when it is the whole.
        field: String,
        /// What was given, what is accepted.
        message: String,
    },
    /// The kernel could not get the memory that it needs.
    OutOfMemory {
        /// How much was asked for, in bytes, where known.
        bytes: Option<u64>,
    },
    /// Anything else: a sentence for the caller, and data that their code can read.
    Failed {
        /// What went wrong, in the caller's terms.
        message: String,
        /// Facts about the failure, as JSON.
        data: Option<serde_json::Value>,
    },
}

impl KernelError {
    /// A param is unusable: names the field, what was given and what is accepted.
    ///
    /// ```
    /// # use loomwork::KernelError;
    /// let error = KernelError::bad_params("width", "must be 1 to 65535, got 0");
    /// assert_eq!(error.to_string(), "width: must be 1 to 65535, got 0");
    /// ```
    pub fn bad_params(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadParams { field: field.into(), message: message.into() }
    }

    /// The kernel's own failure, in one sentence.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), data: None }
    }
}

impl From<Cancelled> for KernelError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl std::fmt::Display for KernelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cancelled => write!(f, "the job was cancelled"),
            Self::BadParams { field, message } if field.is_empty() => write!(f, "{message}"),
            Self::BadParams { field, message } => write!(f, "{field}: {message}"),
            Self::OutOfMemory { bytes: Some(n) } => write!(f, "out of memory: {n} bytes could not be had"),
            Self::OutOfMemory { bytes: None } => write!(f, "out of memory"),
            Self::Failed { message, .. } => write!(f, "{message}"),
        }
    }
}

impl std::error::Error for KernelError {}

macro_rules! codes {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        /// The stable code of a failure, the same in every runtime.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum Code { $(#[doc = $doc] #[serde(rename = $text)] $name,)* }

        impl Code {
            /// Every code with its meaning, in the order of the documentation.
            pub const ALL: &'static [(Code, &'static str, &'static str)] = &[$((Code::$name, $text, $doc),)*];
        }
    };
}

codes! {
    BadParams = "BAD_PARAMS", "A param is missing, unknown, of the wrong type or out of range; `field` names it.";
    UnknownKernel = "UNKNOWN_KERNEL", "No kernel has that name; the message lists the near ones.";
    KernelError = "KERNEL_ERROR", "The kernel gave up and said why; `data` holds its facts.";
    KernelPanic = "KERNEL_PANIC", "The kernel panicked; `location` is the line of Rust. Other jobs are unharmed.";
    KernelCrash = "KERNEL_CRASH", "The kernel trapped; its instance was replaced by a fresh one.";
    OutOfMemory = "OUT_OF_MEMORY", "The memory that the job needs could not be had.";
    QueueFull = "QUEUE_FULL", "`maxQueue` jobs wait already.";
    HostClosed = "HOST_CLOSED", "The host was closed before the job could finish.";
    StartFailed = "START_FAILED", "A host could not start; the message names the file or feature at fault.";
    Unsupported = "UNSUPPORTED", "This runtime cannot do what was asked; the message says what would.";
    ProcessLost = "PROCESS_LOST", "A child process died and its job could not be run again.";
    QueueLost = "QUEUE_LOST", "The connection to the queue was lost for longer than the job could wait.";
}

/// A failed job as it is answered to the caller.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// What happened and what to do.
    pub message: String,
    /// The param at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// `file:line:column` of a panic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The kernel's own facts, as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl Failure {
    /// A failure with a code and a sentence, and nothing else.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, location: None, data: None }
    }

    /// What the caller is told about `error`; `None` for a job that was told to stop.
    pub fn from_error(error: KernelError) -> Option<Self> {
        let message = error.to_string();
        Some(match error {
            KernelError::Cancelled => return None,
            KernelError::BadParams { field, .. } => {
                Self { field: (!field.is_empty()).then_some(field), ..Self::new(Code::BadParams, message) }
            }
            KernelError::OutOfMemory { .. } => Self::new(Code::OutOfMemory, message),
            KernelError::Failed { data, .. } => {
                Self { data: data.map(|d| d.to_string()), ..Self::new(Code::KernelError, message) }
            }
        })
    }
}
