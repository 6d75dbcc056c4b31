// The page's helper, on a thread of its own: makes the inputs of cases, and runs plain JavaScript on them, so that the page itself stays free.
import { cases, type Params, type Size } from '../cases.ts';
import { plain } from '../plain.ts';

/** What the page asks for. */
export type Request =
  /** Makes the input of a case, and keeps it. */
  | { id: number; ask: 'input'; size: Size; name: string; photo: Uint8Array }
  /** Runs plain JavaScript on these params, or on those of before. `output`: gives it too. */
  | { id: number; ask: 'plain'; kernel: string; params?: Params; output: boolean };

export type Reply = { id: number; error: string } | { id: number; input: Params } | { id: number; ms: number; output?: unknown };

let run: (() => Params) | undefined;

addEventListener('message', ({ data: request }: MessageEvent<Request>) => {
  try {
    postMessage(answer(request));
  } catch (error) {
    postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) } satisfies Reply);
  }
});

function answer(request: Request): Reply {
  const { id } = request;
  if (request.ask === 'input') {
    const item = cases(request.size).find(({ name }) => name === request.name);
    if (!item) throw new Error(`no case is named ${request.name}`);
    return { id, input: item.input(request.photo) };
  }
  if (request.params) run = plain[request.kernel]?.(request.params);
  if (!run) throw new Error(`${request.kernel} has no plain version`);
  const begun = performance.now();
  const output = run();
  const ms = performance.now() - begun;
  return { id, ms, ...(request.output && { output }) };
}
