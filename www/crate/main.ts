// From a crate of kernels to an npm package: used by `loomwork build`, and by www/build for the built-in kernels.
export { ARTIFACTS, buildArtifact, initialPages, type Built } from './artifacts.ts';
export { findCrate, type Crate } from './crate.ts';
export { describe, type Description } from './describe.ts';
export { BuildError } from './errors.ts';
export { factsLine, glueRegion, refill, type Facts } from './glue.ts';
export { manifest } from './manifest.ts';
export { kernelTypes } from './types.ts';
