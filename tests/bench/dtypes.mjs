// The kinds of typed array, as the build describes them.
import { readFileSync } from 'node:fs';

export const DTYPES = JSON.parse(readFileSync(new URL('../../pkg/kernels.json', import.meta.url), 'utf8')).dtypes;
