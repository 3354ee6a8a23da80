/** What becomes of the log of a member that is no more, whatever happens meanwhile. */
import { describe, expect, test } from '@jest/globals';
import { limits } from '../limits.ts';
import { A, B, C, cluster, D, del, put, rounds, SmallMember, X } from '../testing/small-cluster.ts';
import type { Decree } from '../testing/small-cluster.ts';
import { logId } from './types.ts';
import type { LogId } from './types.ts';

/** A cluster of a, b and x, in which x has written and is removed: all know it, nothing of it has been copied. */
async function removed(extra: readonly LogId[] = []): Promise<{ members: SmallMember[]; decree: Decree; x: SmallMember }> {
  const all = await cluster(A, B, ...extra, X);
  const x = all.at(-1)!;
  for (let i = 0; i < 12; i++) await x.write(put(`x${i}`, `${i}`), put('both', `x${i}`));
  await x.write(del('x3'));
  await rounds(all, 2);
  await all[0]!.write(put('x1', 'a'), put('both', 'a'));
  const members = all.slice(0, -1);
  const decree = { number: 2, logs: [A, B, ...extra], removed: [X] };
  for (const member of members) await member.learn(decree);
  return { members, decree, x };
}

const state = 'both=a\nx0=0\nx10=10\nx11=11\nx1=a\nx2=2\nx4=4\nx5=5\nx6=6\nx7=7\nx8=8\nx9=9';

function ended(members: readonly SmallMember[], logs: readonly LogId[]): void {
  for (const member of members) {
    expect(member.failures).toEqual([]);
    expect(member.sink.state()).toBe(state);
    for (const log of member.replica.logs.keys()) expect(logs).toContain(log);
    expect(member.replica.retired.has(X)).toBe(true);
    expect(member.sink.physical).toBe(members[0]!.sink.physical);
    const digests = ({ replica }: SmallMember): [LogId, number][] => [...replica.digests()].filter(([, digest]) => digest !== 0).sort();
    expect(digests(member)).toEqual(digests(members[0]!));
  }
}

describe('the log of a removed member', () => {
  test('is copied by the lowest member, and is then dropped by all; contexts name it no more', async () => {
    const { members } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    await rounds(members, 6);
    ended(members, [A, B]);
    expect([a.replica.logs.get(A)!.copies.get(X)!.size, b.replica.logs.get(A)!.copies.get(X)!.size, b.replica.logs.get(B)!.copies.size]).toEqual([11, 11, 0]);
    await b.write(put('new', '1'));
    const record = b.replica.recordByStamp(B, b.replica.lamport)!;
    expect(new Set(record.context().keys())).toEqual(new Set([A, B]));
    // And it knows, all the same, what b had held of it.
    expect(record.context().get(X)).toBe(a.replica.retired.get(X)!.lamport);
    expect(a.replica.recordByStamp(X, 4)!.context().get(B)).toBeUndefined();
  });

  test('whoever is given everything at once reads contexts with the retirements that come in the same unit', async () => {
    const { members } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    await rounds(members, 6);
    await b.write(put('x5', 'b'));
    await rounds(members, 1);
    const joiner = new SmallMember(C);
    const held: (number | undefined)[] = [];
    const integrate = joiner.sink.integrate.bind(joiner.sink);
    joiner.sink.integrate = (record, revision) => {
      if (record.log === B && record.lamport === b.replica.lamport) held.push(record.context().get(X));
      return integrate(record, revision);
    };
    await joiner.pull(a);
    // What it has overwritten there is no concurrent write.
    expect(held).toEqual([a.replica.retired.get(X)!.lamport]);
  });

  test('a write that overwrites a copy is no conflict, one from before is', async () => {
    const { members } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    await rounds(members, 6);
    await b.write(put('x5', 'b'));
    await rounds(members, 1);
    const [old, now] = [a.replica.recordByStamp(X, 6)!, a.replica.recordByStamp(B, b.replica.lamport)!];
    expect([now.context().get(X)! >= old.lamport, old.context().get(B) ?? 0]).toEqual([true, 0]);
    expect(a.sink.get('x5')).toBe('b');
  });

  test('waits for a report of every member that knows of the removal, and for what each of them holds (schedule 9)', async () => {
    const all = await cluster(A, B, X);
    const [a, b, x] = all as [SmallMember, SmallMember, SmallMember];
    await x.write(put('k', '1'));
    await b.pull(x);
    const decree = { number: 2, logs: [A, B], removed: [X] };
    await a.learn(decree);
    await a.tick(3);
    expect(a.replica.retired.has(X)).toBe(false);
    // b holds what a has never seen.
    await b.learn(decree);
    b.reportTo(a);
    await a.tick(3);
    expect(a.replica.retired.has(X)).toBe(false);
    await rounds([a, b], 5);
    expect([a.sink.get('k'), b.sink.get('k'), a.replica.logs.has(X), b.replica.logs.has(X)]).toEqual(['1', '1', false, false]);
  });

  test('a crash of the heir at any entry of its journal loses nothing, and it goes on', async () => {
    const { members } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    const before = a.journal.durable.length;
    await rounds(members, 6);
    const entries = [...a.journal.durable];
    expect(entries.length - before).toBeGreaterThan(2);
    for (let n = before; n <= entries.length; n++) {
      const [again, other] = [new SmallMember(A, entries.slice(0, n)), new SmallMember(B, b.journal.durable)];
      // b may have heard of more than the heir's disk then held: not in life, where it is sent when it is durable.
      const peer = n === entries.length ? other : (await removed()).members[1]!;
      await rounds([again, peer], 6);
      ended([again, peer], [A, B]);
    }
  });

  test('a crash of another at any entry loses nothing either', async () => {
    const { members } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    const before = b.journal.durable.length;
    await rounds(members, 6);
    for (let n = before; n <= b.journal.durable.length; n++) {
      const again = new SmallMember(B, b.journal.durable.slice(0, n));
      expect([...again.sink.trace!]).toEqual(b.sink.trace!.slice(0, again.sink.trace!.length));
      await rounds([a, again], 3);
      ended([a, again], [A, B]);
    }
  });

  test('the heir is removed midway: the next one goes on, with the logs of both', async () => {
    for (const after of [1, 2, 3]) {
      const { members } = await removed([C]);
      const [a, b, c] = members as [SmallMember, SmallMember, SmallMember];
      await rounds(members, after);
      for (const member of [b, c]) await member.learn({ number: 3, logs: [B, C], removed: [X, A] });
      // Some of what it copied may not have left it.
      await a.write(put('late', 'lost'));
      await rounds([b, c], 8);
      ended([b, c], [B, C]);
      expect(b.replica.retired.has(A)).toBe(true);
    }
  });

  test('a joiner comes midway, and one with a lower slot becomes the heir', async () => {
    for (const joiner of [D, logId(0, 5)]) {
      for (const after of [1, 2, 3]) {
        const all = await cluster(B, C, X);
        const [b, c, x] = all as [SmallMember, SmallMember, SmallMember];
        for (let i = 0; i < 12; i++) await x.write(put(`x${i}`, `${i}`), put('both', `x${i}`));
        await x.write(del('x3'));
        await rounds(all, 2);
        await b.write(put('x1', 'a'), put('both', 'a'));
        for (const member of [b, c]) await member.learn({ number: 2, logs: [B, C], removed: [X] });
        await rounds([b, c], after);
        const decree = { number: 3, logs: [B, C, joiner].sort((p, q) => p - q), removed: [X] };
        for (const member of [b, c]) await member.learn(decree);
        const j = new SmallMember(joiner);
        await j.learn(decree);
        await j.pull(after % 2 === 0 ? b : c);
        await rounds([b, c, j], 8);
        ended([b, c, j], [B, C, joiner]);
        expect([...j.replica.retired].length).toBe(1);
      }
    }
  });

  test('a disk that holds more of it than was agreed is not to go on', async () => {
    const { members, x } = await removed();
    const [a, b] = members as [SmallMember, SmallMember];
    // As after a backup was put back: it does not know of the removal any more, and hears from the removed one.
    const old = new SmallMember(B, b.journal.durable);
    await rounds(members, 6);
    await old.learn({ number: 1, logs: [A, B, X], removed: [] });
    await x.write(put('unseen', '1'));
    old.decree = { number: 1, logs: [A, B, X], removed: [] };
    old.replica.setMembers([], 1, []);
    await old.pull(x);
    await expect(old.pull(a)).rejects.toThrow('has been retired below what this disk holds of it');
  });

  test('more of it from somebody whom nobody has vouched for waits until he is a member', async () => {
    const { members, x } = await removed();
    const [a] = members as [SmallMember];
    await x.write(put('unseen', '1'));
    const doubtful = new SmallMember(logId(1, 4_000));
    await doubtful.pull(x);
    expect(await a.pull(doubtful)).toBe('waiting');
    expect(a.sink.get('unseen')).toBeNull();
  });

  test('who has nothing yet takes it all the same: that disk may be all that is left, and waits for this one to vouch for it', async () => {
    const { members, decree, x } = await removed();
    const [a] = members as [SmallMember];
    await x.write(put('unseen', '1'));
    const doubtful = new SmallMember(logId(1, 4_000));
    await doubtful.pull(x);
    const joiner = new SmallMember(C);
    const now = { number: 3, logs: [...decree.logs, C], removed: [X] };
    for (const member of [...members, joiner]) await member.learn(now);
    expect(await joiner.pull(doubtful)).toBe('applied');
    // Where the log ends is agreed with it: what it has now is not lost.
    await rounds([...members, joiner], 8);
    for (const member of [...members, joiner]) expect([member.sink.get('unseen'), member.replica.retired.has(X), member.failures]).toEqual(['1', true, []]);
    await x.write(put('more', '1'));
    await doubtful.pull(x);
    expect([await joiner.pull(doubtful), await a.pull(doubtful)]).not.toContain('applied');
  });

  test('nobody inherits who holds nothing: others that hold nothing would seem to hold all of it', async () => {
    const [b, x] = (await cluster(B, X)) as [SmallMember, SmallMember];
    await x.write(put('x', '1'));
    const joiner = new SmallMember(C);
    const decree = { number: 2, logs: [B, C], removed: [X] };
    for (const member of [b, joiner]) await member.learn(decree);
    for (let n = 0; n < 3; n++) {
      joiner.reportTo(b);
      await b.tick(2);
    }
    expect(b.replica.retired.has(X)).toBe(false);
    await b.write(put('b', '1'));
    expect(await joiner.pull(b)).toBe('applied');
    await rounds([b, joiner], 4);
    expect([b.replica.retired.has(X), joiner.sink.get('b')]).toEqual([true, '1']);
  });
});

test('many incarnations, one after the other, leave nothing behind but a line each', async () => {
  const [a, b] = (await cluster(A, B)) as [SmallMember, SmallMember];
  let log: LogId | null = null;
  const sizes: number[] = [];
  for (let n = 1; n <= 24; n++) {
    const next: LogId = logId(4, 100 + n);
    const decree = { number: 1 + n, logs: [A, B, next], removed: log === null ? [] : [log] };
    log = next;
    const x = new SmallMember(next);
    for (const member of [a, b, x]) await member.learn(decree);
    await x.pull(a);
    for (let i = 0; i < 20; i++) await x.write(put(`k${i % 8}`, `${n}:${i}`), put(`old${n}`, ''));
    await x.write(del(`old${n - 1}`));
    await rounds([a, b, x], 4);
    sizes.push([a, b].reduce((sum, { replica }) => sum + [...replica.logs.values()].reduce((structs, doc) => structs + doc.structs + doc.records, 0), 0));
    expect(a.replica.logs.size).toBe(2);
  }
  expect(a.named).toBeLessThanOrEqual(3);
  expect(a.replica.retired.size).toBe(23);
  const [early, late] = [Math.max(...sizes.slice(4, 12)), Math.max(...sizes.slice(16))];
  expect(late).toBeLessThan(early * 1.5);
  expect([...a.replica.encodeState()].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(8_000);
  expect(a.sink.state()).toBe(b.sink.state());
}, 60_000);

test('of more than it remembers it forgets the oldest, but none of which something is left', async () => {
  const [a] = (await cluster(A)) as [SmallMember];
  const { retired } = a.replica;
  for (let n = 0; n < limits.retired_logs + 10; n++) retired.add(logId(9, n + 1), { clock: 2, lamport: 1, at: 10 + n });
  retired.trim((log) => log === logId(9, 3));
  expect([retired.size, retired.has(logId(9, 1)), retired.has(logId(9, 3)), retired.has(logId(9, 12))]).toEqual([limits.retired_logs, false, true, true]);
  expect([retired.clocks, retired.newest]).toEqual([2 * (limits.retired_logs + 10), 10 + limits.retired_logs + 9]);
});
