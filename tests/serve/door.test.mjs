// The server's port while none of its processes is there: connections wait, and not without end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { loadSource } from '../../www/build/load.mjs';

const { module: { Door, MOST_WAITING } } = await loadSource('www/server/door.ts', 'door.mjs');

test('connections beyond those that may wait are let go', { timeout: 60_000 }, async () => {
  const door = new Door();
  const port = await door.open('127.0.0.1', 0);
  const clients = [];
  try {
    for (let number = 0; number < MOST_WAITING + 20; number += 1) {
      const client = connect(port, '127.0.0.1').on('error', () => {});
      clients.push(client);
      await once(client, 'connect');
    }
    const late = clients.slice(MOST_WAITING);
    await Promise.all(late.map((client) => client.closed || once(client.resume(), 'close')));
    assert.ok(clients.slice(0, MOST_WAITING).every((client) => !client.closed), 'those before them still wait');
  } finally {
    door.close();
    for (const client of clients) client.destroy();
  }
});
