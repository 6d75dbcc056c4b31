// Generated from the Rust types by www/build/generate.mjs. Do not edit.

/** Kinds of typed array; an array's kind crosses the boundary as its place here. */
export const DTYPES = [
  { name: 'i8', js: 'Int8Array', size: 1 },
  { name: 'u8', js: 'Uint8Array', size: 1 },
  { name: 'u8c', js: 'Uint8ClampedArray', size: 1 },
  { name: 'i16', js: 'Int16Array', size: 2 },
  { name: 'u16', js: 'Uint16Array', size: 2 },
  { name: 'i32', js: 'Int32Array', size: 4 },
  { name: 'u32', js: 'Uint32Array', size: 4 },
  { name: 'i64', js: 'BigInt64Array', size: 8 },
  { name: 'u64', js: 'BigUint64Array', size: 8 },
  { name: 'f16', js: 'Float16Array', size: 2 },
  { name: 'f32', js: 'Float32Array', size: 4 },
  { name: 'f64', js: 'Float64Array', size: 8 },
] as const;

/** `Float16Array` where the platform has it. */
type Float16 = typeof globalThis extends { Float16Array: { prototype: infer A } } ? A : never;

/** Any typed array of numbers. */
export type TypedArray = Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Float16 | Float32Array | Float64Array;

/** The control-block table in shared memory (src/control.rs): sizes and offsets in bytes. */
export const CONTROL = {
  slots: 1024,
  stride: 512,
  payloadBytes: 440,
  cancelRequested: 1,
  prepared: 4294967295,
  arrays: 64,
  cancel: 36,
  done: 0,
  ended: 24,
  id: 48,
  kernel: 52,
  lane: 68,
  lend: 44,
  length: 60,
  outcome: 56,
  payload: 72,
  started: 16,
  streaming: 40,
  total: 8,
  turn: 32,
} as const;

/** Whose turn it is at a control block. */
export const TURNS = {
  free: 0,
  ready: 1,
  running: 2,
  ended: 3,
} as const;

/** How a job can end, by the number in its control block. */
export const OUTCOMES = [
  'done',
  'failed',
  'cancelled',
  'elsewhere',
] as const;

/** A ring (src/ring.rs): numbers that it holds, and offsets in bytes. */
export const RING = {
  capacity: 2048,
  cells: 128,
  head: 64,
  tail: 0,
} as const;

/** Where an array lies, as words in a control block (src/place.rs): what of a kind is its rank, and offsets in bytes. */
export const PLACE = {
  rank: 256,
  kind: 0,
  len: 8,
  shape: 12,
  start: 4,
} as const;

/** A bell (src/bell.rs): offsets in bytes. */
export const BELL = {
  asleep: 4,
  rung: 0,
} as const;

/** The rings, bells and lanes of an instance (src/dispatch.rs): offsets in bytes. */
export const DISPATCH = {
  caller: 49536,
  ended: 16512,
  lanes: 49600,
  ready: 0,
  released: 33024,
  spin: 49544,
} as const;

/** A lane's words: sizes and offsets in bytes. */
export const LANE = {
  most: 64,
  stride: 64,
  bell: 8,
  busy: 24,
  jobs: 16,
  slot: 4,
  state: 0,
  stop: 20,
} as const;

/** What a lane is doing. */
export const LANE_STATES = {
  absent: 0,
  idle: 1,
  busy: 2,
} as const;

/** The diary of busy threads (src/busy.rs): spans that it holds, sizes and offsets in bytes. */
export const DIARY = {
  capacity: 4096,
  stride: 32,
  spans: 8,
  written: 0,
} as const;

/** A span in the diary: offsets in bytes. */
export const SPAN = {
  from: 16,
  job: 0,
  lane: 4,
  thread: 8,
  to: 24,
} as const;

/** Every error code, with its meaning. */
export const ERROR_CODES = {
  /** A param is missing, unknown, of the wrong type or out of range; `field` names it. */
  BAD_PARAMS: "A param is missing, unknown, of the wrong type or out of range; `field` names it.",
  /** No kernel has that name; the message lists the near ones. */
  UNKNOWN_KERNEL: "No kernel has that name; the message lists the near ones.",
  /** The kernel gave up and said why; `data` holds its facts. */
  KERNEL_ERROR: "The kernel gave up and said why; `data` holds its facts.",
  /** The kernel panicked; `location` is the line of Rust. Other jobs are unharmed. */
  KERNEL_PANIC: "The kernel panicked; `location` is the line of Rust. Other jobs are unharmed.",
  /** The kernel trapped; its instance was replaced by a fresh one. */
  KERNEL_CRASH: "The kernel trapped; its instance was replaced by a fresh one.",
  /** The memory that the job needs could not be had. */
  OUT_OF_MEMORY: "The memory that the job needs could not be had.",
  /** `maxQueue` jobs wait already. */
  QUEUE_FULL: "`maxQueue` jobs wait already.",
  /** The host was closed before the job could finish. */
  HOST_CLOSED: "The host was closed before the job could finish.",
  /** A host could not start; the message names the file or feature at fault. */
  START_FAILED: "A host could not start; the message names the file or feature at fault.",
  /** This runtime cannot do what was asked; the message says what would. */
  UNSUPPORTED: "This runtime cannot do what was asked; the message says what would.",
  /** A child process died and its job could not be run again. */
  PROCESS_LOST: "A child process died and its job could not be run again.",
  /** The connection to the queue was lost for longer than the job could wait. */
  QUEUE_LOST: "The connection to the queue was lost for longer than the job could wait.",
} as const;

/** The stable code of a failure. */
export type ErrorCode = keyof typeof ERROR_CODES;
