// The machine that a report is of, in Node.
import { cpus, release, totalmem } from 'node:os';
import type { Machine } from '../rows.ts';

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? process.arch,
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    os: `${process.platform} ${release()}`,
    date: new Date().toISOString(),
  };
}
