// What the package must do, wherever it runs: Node (node.test.mjs) and pages (page.html) run the same cases. Each throws when it fails.

export const cases = {
  async 'primes, and the parts on the way'(host) {
    const job = host.run('primes', { to: 1_000_000 });
    let streamed = 0;
    for await (const { primes } of job) streamed += primes.length;
    const { primes } = await job;
    equal(primes.length, 78_498);
    equal(primes.at(-1), 999_983);
    equal(streamed, primes.length);
  },

  async 'means of neighbours'(host) {
    const { data } = await host.run('smooth', { data: Float32Array.of(0, 3, 6, 9), radius: 1 });
    equal(String([...data]), '1.5,3,6,7.5');
  },

  async 'a wrong param is named'(host) {
    const error = await host.run('smooth', { data: new Float32Array(1), radius: 1001 }).catch((error) => error);
    equal(error.code, 'BAD_PARAMS');
    equal(error.field, 'radius');
  },
};

function equal(value, expected) {
  if (value !== expected) throw new Error(`expected ${expected}, got ${value}`);
}
