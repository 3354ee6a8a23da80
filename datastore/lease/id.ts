import type { Random } from '../host/host.ts';

/** A lease id as the server chooses it: positive, 54 random bits over the 8 of the slot, so that two replicas never choose the same. */
export function chooseId(random: Random, slot: number): bigint {
  for (;;) {
    const bits = (BigInt(random.uint32() & 0x3fffff) << 32n) | BigInt(random.uint32());
    if (bits !== 0n) return (bits << 8n) | BigInt(slot);
  }
}
