// A single-threaded instance in a worker of its own, of the `workers` backend: a unit runs to its end, here and now.
import type { JobEvent, Round, Unit } from '../shared/protocol.ts';
import type { Glue } from './glue.ts';
import type { Instance } from './instance.ts';

/** The one control block that is used: there is one job at a time. */
const SLOT = 0;

export class LocalInstance {
  /** Called when there are events to take, and on progress; `isOver`: the unit has ended. */
  onEvent: (isOver: boolean) => void = () => {};
  readonly #instance: Instance;
  #running: Unit | undefined;

  constructor(glue: Glue, instance: Instance) {
    this.#instance = instance;
    glue.onEvent(() => this.onEvent(false));
  }

  /**
   * Does a unit to its end, which is told as an event.
   *
   * @param moved called when the unit's arrays are copied in, and not needed any more
   * @returns the shards, when it was divided instead or goes on with more
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  run(unit: Unit, streaming: boolean, moved: () => void): Round | undefined {
    this.#instance.blocks.clear(SLOT, { id: unit.id, streaming, lend: false });
    this.#running = unit;
    const round = this.#instance.execute({ ...unit, slot: SLOT }, moved);
    this.#running = undefined;
    this.onEvent(true);
    return round;
  }

  /** How far the running job has come. */
  progress(): JobEvent | undefined {
    if (!this.#running) return undefined;
    return { id: this.#running.id, slot: SLOT, kind: 'progress', ...this.#instance.blocks.counts(SLOT) };
  }
}
