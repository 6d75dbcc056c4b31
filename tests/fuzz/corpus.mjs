// What fuzzing has found, each as small as it became: tried in every run of the tests.
import assert from 'node:assert/strict';

const typed = (code, message) => (error) => {
  assert.equal(error.code, code, error.stack);
  assert.match(error.message, message);
  return true;
};

/** By what it showed: takes a host and `createHost`. */
export const corpus = {
  'what a getter of the params throws was given to the caller as it was': async (host) => {
    const params = Object.defineProperty({}, 'data', { enumerable: true, get() { throw new RangeError('mine'); } });
    await assert.rejects(host.run('hash', params), typed('BAD_PARAMS', /cannot be read: mine/));
  },
  'what a proxy as params throws was given to the caller as it was': async (host) => {
    await assert.rejects(host.run('hash', new Proxy({}, { ownKeys() { throw new RangeError('mine'); } })), typed('BAD_PARAMS', /cannot be read: mine/));
  },
  'a proxy as options of a host': async (host, createHost) => {
    await assert.rejects(createHost(new Proxy({}, { ownKeys() { throw new RangeError('mine'); } })), typed('BAD_PARAMS', /the options cannot be read: mine/));
  },
  'a message quoted all of a long text': async (host) => {
    const error = await host.run('hash', { data: 'x'.repeat(100_000), algorithm: 'sha256' }).catch((reason) => reason);
    typed('BAD_PARAMS', /^data: expected a Uint8Array, got text/)(error);
    assert.ok(error.message.length < 1100, `${error.message.length} characters`);
  },
  'null as options of a job was taken for none': async (host) => {
    await assert.rejects(host.run('noop', {}, null), typed('BAD_PARAMS', /options/));
  },
  'an option without a text could not be refused': async (host) => {
    const odd = { get constructor() { throw new RangeError('mine'); } };
    await assert.rejects(host.run('noop', {}, { priority: odd }), typed('BAD_PARAMS', /^priority: .*something that cannot be shown/));
  },
};
