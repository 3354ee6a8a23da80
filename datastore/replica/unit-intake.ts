/**
 * How a unit (unit.ts) gets in: its pieces are looked into, put on stable storage, and then become part of the state in steps, between which
 * other work goes on. Units are taken one after the other. What this replica retires by itself is a unit, too.
 *
 * Client writes wait for the steps, and before them until what was decided is durable. A unit that is small does not need that: it is taken as a frame is,
 * at once. Among replicas that are written to without a pause nearly every comparison brings one: what was on its way meanwhile.
 */
import type { Clock } from '../host/host.ts';
import { limits } from '../limits.ts';
import type { Applied } from './applied.ts';
import type { Entry } from './entry.ts';
import { FrameKind } from './frame.ts';
import type { Frame } from './frame.ts';
import { inspectUpdate } from './inspect.ts';
import type { LogUpdate } from './log-doc.ts';
import type { Retirement } from './retirements.ts';
import type { Shape } from './segment.ts';
import type { LogId, RecordSink } from './types.ts';
import { integrateUnit } from './unit.ts';
import type { Unit } from './unit.ts';

/** A journal entry of a unit has about so many bytes. */
const STAGE_BYTES = 1_048_576;
/** A unit is small that has at most this part of a segment's bytes, and deletes at most as many records as a segment has. */
const SMALL = 1 / 16;
/** New writes wait for so many journal writes in a row; then they have a turn. What was decided is durable after two, unless others than clients go on writing. */
const QUIET_ROUNDS = 3;

/** A unit that is being integrated, step by step. */
interface Flip {
  readonly steps: Generator<void, number[]>;
  readonly unit: Unit;
  readonly done: PromiseWithResolvers<void>;
}

/** What comes of a unit. */
export type Outcome = 'applied' | 'known' | 'gap' | 'waiting';

/** A unit that can be applied if these, worked through step by step, do not throw. */
export interface CheckedUnit extends Unit {
  readonly checks: readonly Iterable<void>[];
}

export interface UnitPorts {
  readonly clock: Clock;
  readonly sink: RecordSink;
  submit(entry: Entry): Promise<void>;
  flushed(): Promise<void>;
  /** Own records wait for their document, or anything for stable storage. */
  busy(): boolean;
  /** The disk is full: what was decided may wait for long, and whoever wants to write is to be told of that. */
  full(): boolean;
  /** The steps begin: from now on nothing of what is applied shows, until `ended`. */
  begins(): void;
  ended(): void;
  /** A log has been replaced by its owner's copy. */
  mended(log: LogId): void;
  /** An invariant broke with half a unit in the documents. */
  broken(error: unknown): void;
}

export class UnitIntake {
  readonly #applied: Applied;
  readonly #ports: UnitPorts;
  #flip: Flip | null = null;
  /** A unit waits for everything decided to be durable; its end. */
  #quiet: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;
  #last: Promise<unknown> = Promise.resolve();
  readonly #shape: Shape;

  constructor(applied: Applied, ports: UnitPorts, shape: Shape) {
    this.#applied = applied;
    this.#ports = ports;
    this.#shape = shape;
  }

  /** Half a unit is in the documents. */
  get flipping(): boolean {
    return this.#flip !== null;
  }

  /** Nothing new is to be decided, as far as it can wait: a unit is being integrated, or about to be. */
  get closed(): boolean {
    return this.#flip !== null || this.#quiet !== null;
  }

  /** Null; or, while nothing new is to be decided, the end of that. */
  get settled(): Promise<void> | null {
    return this.#flip?.done.promise ?? this.#quiet?.promise ?? null;
  }

  /**
   * Takes the pieces of a unit, after all units that came before. `admit` says what of it is new and whether it can be
   * applied; `mend`, once it is, whether something here is wrong all the same.
   */
  take(pieces: Iterable<Frame>, admit: (frame: Frame) => CheckedUnit | Outcome, mend: (frame: Frame) => CheckedUnit | null): Promise<Outcome> {
    return this.#next(() => this.#take(pieces, admit, mend));
  }

  /** Retires logs, if at its turn there are still any to be retired. */
  retire(which: () => ReadonlyMap<LogId, Retirement>): Promise<void> {
    return this.#next(async () => {
      // Parts of a unit that a crash has ended may be in the journal: they do not belong to this one.
      await this.#ports.submit({ kind: 'part', first: true, updates: [] });
      try {
        await this.#quieten();
        const retired = which();
        if (retired.size > 0) await this.#begin({ updates: [], retired, replaced: new Set() });
      } finally {
        this.#loud();
      }
    });
  }

  /** Finishes the unit at once: somebody cannot wait. */
  settle(): void {
    if (this.#flip !== null) this.#advance(() => true);
  }

  #next<T>(then: () => Promise<T>): Promise<T> {
    const result = this.#last.then(then);
    this.#last = result.catch(() => {});
    return result;
  }

  async #take(pieces: Iterable<Frame>, admit: (frame: Frame) => CheckedUnit | Outcome, mend: (frame: Frame) => CheckedUnit | null): Promise<Outcome> {
    const pause = slices(this.#ports.clock);
    const updates: LogUpdate[] = [];
    let last: Frame | null = null;
    for (const piece of pieces) {
      last = piece;
      for (const update of piece.updates) {
        inspectUpdate(update);
        updates.push(update);
      }
      await pause();
    }
    if (last === null) return 'known';
    const frame = { ...last, updates };
    const admitted = admit(frame);
    if (typeof admitted === 'string') return admitted;
    if (admitted.updates.length + admitted.retired.size === 0) return 'known';
    if (frame.kind !== FrameKind.repair && this.#isSmall(admitted)) {
      await this.#ports.submit({ kind: 'commit', updates: admitted.updates, revisions: this.#applied.absorb(admitted.updates) });
      return 'applied';
    }
    await this.#apply(admitted);
    const mending = mend(frame);
    if (mending !== null) await this.#apply(mending);
    return 'applied';
  }

  async #apply(admitted: CheckedUnit): Promise<void> {
    const { flushed } = this.#ports;
    const pause = slices(this.#ports.clock);
    for (const check of admitted.checks) for (const _ of check) await pause();
    await this.#stage(admitted.updates);
    // Own records that are decided must be in their document, and durable, before anything of the unit: they have not seen it.
    try {
      await this.#quieten();
      const { docs } = this.#applied.logs;
      const end = (of: LogId): number => admitted.updates.reduce((clock, { log, toClock }) => (log === of ? Math.max(clock, toClock) : clock), 0);
      // The owner has written more meanwhile: another time.
      if ([...admitted.replaced].some((log) => docs.get(log)?.clock !== end(log))) return;
      await this.#begin(admitted);
    } finally {
      this.#loud();
    }
    await flushed();
    for (const log of admitted.replaced) this.#ports.mended(log);
  }

  /** Puts a unit on stable storage, where it has no effect yet; a little at a time, so that other entries are not held up. */
  async #stage(updates: readonly LogUpdate[]): Promise<void> {
    if (updates.length === 0) await this.#ports.submit({ kind: 'part', first: true, updates: [] });
    let part: LogUpdate[] = [];
    let bytes = 0;
    for (let i = 0, first = true; i < updates.length; i++) {
      part.push(updates[i]!);
      bytes += updates[i]!.update.length;
      if (bytes < STAGE_BYTES && i + 1 < updates.length) continue;
      await this.#ports.submit({ kind: 'part', first, updates: part });
      first = false;
      part = [];
      bytes = 0;
    }
  }

  /** Does it take no longer than a frame? */
  #isSmall({ updates, retired, replaced }: CheckedUnit): boolean {
    if (retired.size + replaced.size > 0) return false;
    const { segmentBytes, segmentRecords } = this.#shape;
    let bytes = 0;
    for (const { update } of updates) bytes += update.length;
    if (bytes > segmentBytes * SMALL) return false;
    let deleted = 0;
    for (const update of updates) deleted += this.#applied.logs.docs.get(update.log)?.wouldDelete(update, segmentRecords) ?? 0;
    return deleted < segmentRecords;
  }

  /**
   * Resolves when nothing is left that was decided and is not durable. Where writes never pause there is always something more, so until `#loud` new ones
   * wait: for as long as it takes to write what had been decided, never for what the disk has no room for.
   */
  async #quieten(): Promise<void> {
    for (let round = 1; this.#ports.busy(); round++) {
      if (round % (QUIET_ROUNDS + 1) === 0 || this.#ports.full()) this.#loud();
      else this.#quiet ??= Promise.withResolvers<void>();
      await this.#ports.flushed();
    }
  }

  /** Those who wait only for what was decided before the unit go on. */
  #loud(): void {
    const quiet = this.#quiet;
    this.#quiet = null;
    quiet?.resolve();
  }

  /** The disk has turned out to be full: nobody waits for it unknowingly. */
  full(): void {
    this.#loud();
  }

  /** Resolves when the unit has been integrated; it is not durable then. */
  #begin(unit: Unit): Promise<void> {
    const { clock, sink } = this.#ports;
    this.#ports.begins();
    const flip: Flip = { steps: integrateUnit(this.#applied.logs, sink, unit, (record) => this.#applied.give(record)), unit, done: Promise.withResolvers() };
    flip.done.promise.catch(() => {}); // nobody has to wait for it
    this.#flip = flip;
    this.#loud();
    const go = (): void => {
      if (this.#flip !== flip) return;
      const until = clock.monotonicMs() + limits.slice_ms;
      this.#advance(() => clock.monotonicMs() < until);
      clock.soon(go);
    };
    go();
    return flip.done.promise;
  }

  #advance(more: () => boolean): void {
    const flip = this.#flip!;
    try {
      do {
        const step = flip.steps.next();
        if (step.done !== true) continue;
        this.#flip = null;
        this.#ports.ended();
        void this.#ports.submit({ kind: 'unit', revisions: step.value, retired: flip.unit.retired, replaced: flip.unit.replaced });
        return flip.done.resolve();
      } while (more());
    } catch (error) {
      // Half of it is in the documents, which cannot be undone; the journal has no end of it, so a restart is without.
      this.#flip = null;
      this.#ports.ended();
      flip.done.reject(error);
      this.#ports.broken(error);
    }
  }
}

/** A function to call between steps: most of the time it does nothing, and once a slice it lets others go on. */
function slices(clock: Clock): () => Promise<void> | undefined {
  let until = clock.monotonicMs() + limits.slice_ms;
  return () => {
    if (clock.monotonicMs() < until) return undefined;
    return new Promise((resolve) => clock.soon(() => {
      until = clock.monotonicMs() + limits.slice_ms;
      resolve();
    }));
  };
}
