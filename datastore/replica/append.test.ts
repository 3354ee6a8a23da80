import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import * as Y from 'yjs';
import { encodeAppend } from './append.ts';

const items = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });

test('appends are encoded as Yjs encodes them, whatever the client, the clocks and what was written in between', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), fc.array(fc.record({ items, elsewhere: fc.nat(3) }), { minLength: 1, maxLength: 6 }), (client, pushes) => {
      const doc = new Y.Doc({ gc: true });
      doc.clientID = client;
      const array = doc.getArray<Uint8Array>('a');
      const other = doc.getMap<number>('m');
      const clock = () => Y.getState(doc.store, client);
      let update: Uint8Array | null = null;
      array.push([new Uint8Array([1])]);
      let last = clock() - 1;
      doc.on('update', (bytes: Uint8Array) => void (update = bytes));
      for (const push of pushes) {
        for (let i = 0; i < push.elsewhere; i++) other.set(String(i), i);
        const mine = encodeAppend(client, clock(), last, push.items);
        array.push(push.items);
        last = clock() - 1;
        expect(mine).toEqual(update);
      }
    }),
    { numRuns: 200, seed: 20251125 },
  );
});
