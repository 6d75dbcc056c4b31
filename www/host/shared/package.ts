// The package that this file is part of: what differs between Loomwork's own, with the built-in kernels, and one of a user's kernels.
import type { Artifact } from './artifact.ts';

/** The first line of every bundled file that needs it (www/crate/glue.ts). */
declare const __loomwork: { name: string; version: string; artifacts: Artifact[]; initialPages: number };

/** Version of the package. */
export const VERSION: string = __loomwork.version;

/** The artifacts that the package holds: all, but for one that was built in a hurry. */
export const ARTIFACTS: readonly Artifact[] = __loomwork.artifacts;

/** Pages of 64 KiB that the memory of the threads artifact starts with. */
export const INITIAL_PAGES: number = __loomwork.initialPages;
