import { expect, test } from '@jest/globals';
import { Draining } from './draining.ts';
import { silent } from './host/log.ts';
import { ServingState } from './serving.ts';

test('a drain that is cancelled before the replica has caught up does not let clients in', async () => {
  const serving = new ServingState('starting');
  let ready = false;
  const draining = new Draining({
    serving, log: silent, ready: () => ready, closeClients: () => Promise.resolve(), handOverLeases: () => Promise.resolve(0),
    flushed: () => Promise.resolve(true), lacking: () => [],
  });
  await draining.drain();
  draining.undrain();
  expect(serving.why).not.toBeNull();
  ready = true;
  await draining.drain();
  draining.undrain();
  expect(serving.why).toBeNull();
});
