// A single-threaded instance: a job runs to its end, here and now. Used by the workers of the `workers` backend, and on the caller's thread
// by the `inline` one.
import type { JobEvent, Round, Unit } from '../shared/protocol.ts';
import type { Glue } from './glue.ts';
import type { Instance } from './instance.ts';

/** The one control block that is used: there is one job at a time. */
const SLOT = 0;

export class LocalInstance {
  /** Called when there are events to take, and on progress. */
  onEvent: () => void = () => {};
  readonly #glue: Glue;
  readonly #instance: Instance;
  #running: Unit | undefined;

  constructor(glue: Glue, instance: Instance) {
    this.#glue = glue;
    this.#instance = instance;
  }

  /**
   * Does a unit to its end, which is told as an event.
   *
   * @param moved called when the unit's arrays are copied in, and not needed any more
   * @returns the shards, when it was divided instead or goes on with more
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  run(unit: Unit, streaming: boolean, moved: () => void): Round | undefined {
    // Set for each job: hosts may share an instance, and each has a listener of its own.
    this.#glue.onEvent(() => this.onEvent());
    this.#instance.blocks.clear(SLOT, { id: unit.id, streaming, lend: false });
    this.#running = unit;
    const round = this.#instance.execute({ ...unit, slot: SLOT }, moved);
    this.#running = undefined;
    this.onEvent();
    return round;
  }

  /** How far the running job has come. */
  progress(): JobEvent | undefined {
    if (!this.#running) return undefined;
    return { id: this.#running.id, slot: SLOT, kind: 'progress', ...this.#instance.blocks.counts(SLOT) };
  }
}
