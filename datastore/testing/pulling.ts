/** What one replica lacks of another, fetched as gossip does it, on clocks that a test moves. */
import { decodeFrame } from '../replica/frame.ts';
import type { Frame } from '../replica/frame.ts';
import type { IntegrateResult, Replica } from '../replica/replica.ts';
import type { Vector } from '../replica/vector.ts';
import type { ManualClock } from './manual-clock.ts';

export interface Pulling {
  readonly replica: Replica;
  readonly clock: ManualClock;
}

/**
 * All pieces of an answer.
 * @param theirs null: everything there is
 * @param newest the newest retirement known to who asks
 * @param turn called before each turn that is waited for
 * @param piece called after each piece
 */
export async function answerOf(from: Pulling, theirs: Vector | null, pieceBytes?: number, { turn, piece, newest = 0 }: { turn?: () => void; piece?: () => void; newest?: number } = {}): Promise<Frame[]> {
  const answer = from.replica.answerTo(theirs, pieceBytes, newest);
  const frames: Frame[] = [];
  for (;;) {
    let next: Uint8Array | null | undefined;
    void answer.next().then((bytes) => (next = bytes));
    while (next === undefined) {
      turn?.();
      await from.clock.turns(1);
    }
    if (next === null) return frames;
    frames.push(decodeFrame(next));
    piece?.();
  }
}

/** One round of anti-entropy. */
export async function pull(to: Pulling, from: Pulling, pieceBytes?: number): Promise<IntegrateResult> {
  const result = to.replica.integrateUnit(await answerOf(from, to.replica.vector(), pieceBytes, { newest: to.replica.report().newest }));
  await to.clock.settle();
  return result;
}
