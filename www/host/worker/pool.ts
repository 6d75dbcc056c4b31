// Stands in for the part of wasm-bindgen-rayon that starts workers (the bundler swaps it in). Ours asks the caller's thread to start them:
// nested workers hang now and then in Firefox, and whoever starts a worker must be able to watch and end it.

/** wasm-bindgen-rayon's pool, not built yet. */
interface PoolBuilder {
  receiver(): number;
  build(): void;
}

type Starter = (receiver: number) => Promise<void>;

let starter: Starter | undefined;

/** Sets how threads are started: by asking for them, and waiting until all are there. */
export function setThreadStarter(start: Starter): void {
  starter = start;
}

/** Called by wasm-bindgen-rayon's `initThreadPool`. */
export async function startWorkers(_module: WebAssembly.Module, _memory: WebAssembly.Memory, builder: PoolBuilder): Promise<void> {
  if (!starter) throw new Error('no thread starter was set');
  await starter(builder.receiver());
  builder.build();
}
