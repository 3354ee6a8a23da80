import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { Revisions } from './revisions.ts';

const revision = (counter: number, slot: number): number => counter * 512 + slot * 2;

describe('revisions', () => {
  test('a revision of a member that began several incarnations unheard is foreign, not future', () => {
    const r = Revisions.initial(1, true);
    r.setMembers([1, 3]);
    const ahead = (limits.incarnation_gap * 4 + 100) * 512 + 3 * 2;
    expect(r.classify(ahead)).toBe('foreign');
    expect(r.above(ahead)).toBeGreaterThan(ahead);
  });

  test('a single member counts by 1 from 1', () => {
    const r = Revisions.initial(0, false);
    expect([r.current, r.next(77), r.strideFrom]).toEqual([1, 2, 0]);
    r.take(2);
    expect([r.classify(1), r.classify(2), r.classify(3), r.classify(4)]).toEqual(['own', 'own', 'own', 'future']);
    expect(r.above(1_000_000)).toBe(0);
  });

  test('others stride, and every revision names its slot', () => {
    const r = Revisions.initial(7, true);
    r.setMembers([7, 8]);
    expect(r.current).toBe(revision(1, 7));
    r.take(r.next(5));
    expect(r.current).toBe(revision(5, 7));
    r.take(r.next(3));
    expect(r.current).toBe(revision(6, 7));
    expect(r.classify(revision(6, 7) + 1)).toBe('own');
    expect(r.classify(revision(7, 7))).toBe('foreign');
    expect(r.classify(revision(4, 8))).toBe('foreign');
    expect(r.classify(revision(4, 8) + 1)).toBe('foreign');
    expect(r.classify(revision(9, 8))).toBe('foreign');
    expect(r.classify(revision(9, 9))).toBe('future');
    expect(r.classify(1)).toBe('compacted');
  });

  test('the counter goes above a foreign revision, within bounds', () => {
    const r = Revisions.initial(7, true);
    r.setMembers([7, 8]);
    expect(r.above(revision(100, 8))).toBe(revision(100 + limits.foreign_jump, 7));
    expect(r.above(revision(100, 8) + 1)).toBe(revision(100 + limits.foreign_jump, 7));
    expect(r.above(revision(100, 9))).toBe(0);
    expect(r.classify(revision(limits.foreign_ahead + 2, 8))).toBe('future');
    expect(r.above(revision(limits.foreign_ahead + 2, 8))).toBe(0);
    expect(r.above(Number.MAX_SAFE_INTEGER)).toBe(0);
    r.take(r.above(revision(100, 8)));
    expect(r.above(revision(100, 8))).toBe(0);
    expect(r.classify(revision(100, 8))).toBe('foreign');
  });

  test('a client of a member that was removed moves, too: its revisions are foreign for as long as anybody remembers its log', () => {
    const r = Revisions.initial(7, true);
    r.setMembers([7, 8]);
    const heard = (slot: number): boolean => slot === 9;
    for (const asked of [revision(5, 9), revision(100, 9), revision(100, 9) + 1]) expect(r.classify(asked, heard)).toBe('foreign');
    expect(r.above(revision(100, 9), heard)).toBe(revision(100 + limits.foreign_jump, 7));
    r.take(revision(200, 7));
    // Otherwise a watch from there would be served from the middle of another history.
    expect(r.classify(revision(100, 9), heard)).toBe('foreign');
    expect(r.classify(revision(100, 10), heard)).toBe('own');
  });

  test('from 1 by 1 to strides: what was counted stays own history', () => {
    const r = Revisions.initial(0, false);
    for (let i = 0; i < 2000; i++) r.take(r.next(i));
    r.stride();
    r.setMembers([0, 1]);
    expect([r.current, r.strideFrom]).toEqual([2001, 2002]);
    expect([r.classify(5), r.classify(2001), r.classify(2002)]).toEqual(['own', 'own', 'own']);
    r.take(r.next(2005));
    expect(r.current).toBe(revision(2005, 0));
    expect(r.classify(revision(100, 1))).toBe('foreign');
    expect(new Revisions(r.state).state).toEqual(r.state);
  });

  test('a new incarnation counts all before as compacted', () => {
    const r = Revisions.initial(3, true);
    r.setMembers([3, 4]);
    r.take(revision(50, 3));
    r.begin(revision(50 + limits.incarnation_gap, 3));
    expect(r.classify(revision(50, 3))).toBe('compacted');
    expect(r.classify(revision(60, 3))).toBe('compacted');
    expect(r.classify(r.current)).toBe('own');
  });

  // As in the exhaustive check behind REPLICATION.md, 15.
  test('no foreign revision, nor the one after it, passes for own; no stale one either', () => {
    for (let slot = 0; slot < 4; slot++) {
      const r = Revisions.initial(slot, true);
      r.setMembers([0, 1, 2, 3]);
      r.begin(revision(10, slot));
      for (let counter = 11; counter < 40; counter++) r.take(revision(counter, slot));
      for (let counter = 1; counter < 60; counter++) {
        for (let other = 0; other < 4; other++) {
          for (const asked of [revision(counter, other), revision(counter, other) + 1]) {
            const own = other === slot && counter >= 10 && asked <= r.current + 1;
            expect([asked, r.classify(asked) === 'own']).toEqual([asked, own]);
            expect([asked, r.classify(asked) === 'future']).toEqual([asked, false]);
          }
        }
      }
    }
  });
});
