// What every entry exports, but for `createHost`, which each entry joins to its runtime.
export type { Host, HostEvents } from './api.ts';
export type { Job, JobState, KernelTypes, Timing } from './job.ts';
export type { Backend, HostOptions, Progress, RunOptions } from './options.ts';
export type { ArrayStore, QueueOptions } from '../../queue/options.ts';
export type { HostStats, Trace, TraceEvent } from './stats.ts';
export type { TimesSummary } from './histogram.ts';
export type { Artifact } from '../shared/artifact.ts';
export type { Assets } from '../runtime/assets.ts';
export { LoomworkError } from '../shared/errors.ts';
export { ERROR_CODES } from '../shared/generated.ts';
export { VERSION } from '../shared/package.ts';
export type * from '../shared/generated.ts';
export type * from '../shared/kernels.ts';
export { shapeOf, withShape } from '../shared/shape.ts';
