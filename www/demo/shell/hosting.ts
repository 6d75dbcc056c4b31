// The page's one host: opened, and closed and opened anew when the visitor asks for another number of threads or for the main thread.
import { createHost, type Host } from '../../host/entry/browser.ts';

/** What the visitor chose. */
export interface Wish {
  threads: number;
  /** Run kernels on the page's own thread, for comparison. */
  inline: boolean;
}

export type HostState = { kind: 'starting' } | { kind: 'ready'; host: Host } | { kind: 'failed'; error: unknown };

/** Much less than a page of this kind needs, much more than a phone has to spare. */
const MAX_MEMORY = 2 ** 30;

export class Hosting {
  #wish: Wish;
  #opening: Promise<Host | undefined>;
  #replaced = new AbortController();
  readonly #tell: (state: HostState) => void;

  constructor(wish: Wish, tell: (state: HostState) => void) {
    this.#wish = wish;
    this.#tell = tell;
    this.#opening = this.#open(Promise.resolve(undefined));
  }

  /** Opens a host as wished, once the one before has closed. */
  change(wish: Partial<Wish>): void {
    this.#wish = { ...this.#wish, ...wish };
    this.#replaced.abort();
    this.#replaced = new AbortController();
    this.#opening = this.#open(this.#opening);
  }

  /**
   * The host, when it has started, and a signal that aborts when another takes its place.
   *
   * @throws what `createHost` rejects with
   */
  async current(): Promise<{ host: Host; replaced: AbortSignal }> {
    for (;;) {
      const opening = this.#opening;
      const host = await opening;
      if (host && opening === this.#opening) return { host, replaced: this.#replaced.signal };
    }
  }

  #open(before: Promise<Host | undefined>): Promise<Host | undefined> {
    const wish = this.#wish;
    this.#tell({ kind: 'starting' });
    const opening = (async () => {
      // The jobs of the old host were told to stop; its threads end before the new ones start, so that they never compete.
      await (await before.catch(() => undefined))?.close();
      // Wishes that came meanwhile are newer: only the last one is opened.
      if (wish !== this.#wish) return undefined;
      return createHost(wish.inline ? { backend: 'inline' } : { threads: wish.threads, maxMemory: MAX_MEMORY });
    })();
    opening.then(
      (host) => {
        if (host && opening === this.#opening) this.#tell({ kind: 'ready', host });
      },
      (error: unknown) => {
        if (opening === this.#opening) this.#tell({ kind: 'failed', error });
      },
    );
    return opening;
  }
}
