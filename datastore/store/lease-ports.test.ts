import { expect, test } from '@jest/globals';
import { leasePorts } from './lease-ports.ts';
import type { LeaseNeighbours } from './lease-ports.ts';

test('no lease ends while nobody has vouched for the disk: its expiry would go into a log of which others may hold more', () => {
  const replica = { held: true, commit: () => ({ revision: 1, durable: Promise.resolve() }) };
  const ports = leasePorts({ replica } as unknown as LeaseNeighbours);
  expect(() => ports.commit([])).toThrow('vouched');
  replica.held = false;
  expect(ports.commit([]).revision).toBe(1);
});
