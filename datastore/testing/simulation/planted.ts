/**
 * Bugs on purpose, each put in at a seam of the running store and never in the program: the simulation must find every one of them. A check that
 * finds nothing when it should is worth nothing.
 */
import type { Disk, DiskFile } from '../../host/host.ts';
import type { Frame, Report } from '../../replica/frame.ts';
import { Space } from '../../replica/types.ts';
import type { Replication } from '../../replication.ts';
import type { Store } from '../../store/store.ts';
import type { WatchHub } from '../../watch/types.ts';

export interface Plant {
  readonly name: string;
  /** What a process gets for its disk. */
  disk?(disk: Disk): Disk;
  /** Spoils a store that has just been opened. `life`: 1 for the first process on a machine. */
  store?(store: Store, life: number): void;
  /** false: this conflict is not told. */
  conflict?(): boolean;
  /** Spoils a process that has just been connected. */
  replication?(replication: Replication): void;
  /** Within so many seeds it must be found, if not within twelve: what it spoils does not happen in each. */
  readonly seeds?: number;
  /** The first seed that is tried, if not 1: it is one of the first that find it, as the code stands. */
  readonly from?: number;
  /** It takes hundreds of seeds: `npm run simulate -- --seeds N --plant NAME`, not the tests. */
  readonly rare?: boolean;
}

export const nothing: Plant = { name: 'nothing' };

function withFiles(disk: Disk, change: (file: DiskFile) => DiskFile): Disk {
  return {
    open: async (path, mode) => change(await disk.open(path, mode)),
    list: (dir) => disk.list(dir),
    exists: (path) => disk.exists(path),
    makeDir: (path) => disk.makeDir(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDir: (path) => disk.syncDir(path),
    lock: (path) => disk.lock(path),
    freeBytes: (path) => disk.freeBytes(path),
  };
}

function fileWith(file: DiskFile, change: Partial<DiskFile>): DiskFile {
  return {
    write: (chunks, position) => file.write(chunks, position),
    writeDurable: (chunks, position) => file.writeDurable(chunks, position),
    datasync: () => file.datasync(),
    read: (position, length) => file.read(position, length),
    size: () => file.size(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
    ...change,
  };
}

type Patchable<T> = { -readonly [K in keyof T]: T[K] };

/** What others report is taken for something else. */
function misread(store: Store, report: (report: Report) => Report): void {
  const { replica } = store;
  const spoiled = (frame: Frame): Frame => ({ ...frame, reports: frame.reports.map(report) });
  const integrate = replica.integrate.bind(replica);
  replica.integrate = (frame) => integrate(spoiled(frame));
  const unit = replica.integrateUnit.bind(replica);
  replica.integrateUnit = (pieces, repair) => unit((function* () {
    for (const piece of pieces) yield spoiled(piece);
  })(), repair);
}

export const plants: readonly Plant[] = [
  {
    name: 'a write is acknowledged before it is synced',
    disk: (disk) => withFiles(disk, (file) => fileWith(file, { writeDurable: (chunks, position) => file.write(chunks, position) })),
  },
  {
    name: 'a write is visible before it is durable',
    store({ keyspace }) {
      const integrate = keyspace.integrate.bind(keyspace);
      keyspace.integrate = (record, revision) => {
        const used = integrate(record, revision);
        if (used) keyspace.durable(revision);
        return used;
      };
    },
  },
  {
    name: 'frames are applied without what they depend on',
    store({ replica }) {
      const integrate = replica.integrate.bind(replica);
      replica.integrate = (frame) => integrate({ ...frame, dependencies: new Map() });
    },
  },
  {
    name: 'tombstones go as soon as they are written',
    store({ replica }) {
      replica.stable = () => true;
    },
  },
  {
    name: 'a losing write disappears without a word',
    conflict: () => false,
  },
  {
    name: 'a transaction is split over two revisions',
    store({ replica }) {
      const commit = replica.commit.bind(replica);
      replica.commit = (writes) => {
        if (writes.length < 2 || writes.some((w) => w.space !== Space.client)) return commit(writes);
        commit(writes.slice(0, 1));
        return commit(writes.slice(1));
      };
    },
  },
  {
    name: 'a watch that resumes skips what happened meanwhile',
    store(store) {
      const hub = store.watch;
      const open = hub.open.bind(hub);
      (store as Patchable<Store>).watch = Object.assign(Object.create(hub) as WatchHub, {
        open: (output: Parameters<WatchHub['open']>[0]) => {
          const stream = open(output);
          const create = stream.create.bind(stream);
          stream.create = (request) => create(request.startRevision > 0 && request.startRevision <= store.keyspace.visibleRevision ? { ...request, startRevision: store.keyspace.visibleRevision } : request);
          return stream;
        },
        closeAll: () => hub.closeAll(),
      });
    },
  },
  {
    name: 'leases never run out',
    store({ replica }) {
      const commit = replica.commit.bind(replica);
      replica.commit = (writes) => (writes.some((w) => w.space === Space.system && w.key.startsWith('lease-expired/')) ? { revision: replica.currentRevision, durable: Promise.resolve() } : commit(writes));
    },
  },
  {
    name: 'the revision goes back after a restart',
    store({ keyspace }, life) {
      if (life === 1) return;
      const first = keyspace.visibleRevision;
      const get = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(keyspace), 'visibleRevision')!.get!.bind(keyspace) as () => number;
      Object.defineProperty(keyspace, 'visibleRevision', { get: () => (get() === first ? first - 512 : get()) });
    },
  },
  {
    name: 'the revision of another replica is taken for one of its own',
    store({ replica }) {
      replica.classify = () => 'own';
    },
  },
  {
    name: 'a disk that has lost its last writes goes on in the same log',
    disk: (disk) => withFiles(disk, (file) => fileWith(file, {
      writeDurable: (chunks, position) => file.write(chunks, position),
      datasync: () => Promise.resolve(),
    })),
  },
  {
    name: 'a drain is over before the others hold everything',
    seeds: 60,
    replication(replication) {
      (replication as Patchable<Replication>).flushed = () => Promise.resolve(true);
    },
  },
  {
    name: 'writes are acknowledged without the disks of others',
    seeds: 60,
    replication({ gossip }) {
      gossip.holders = () => 99;
    },
  },
  {
    name: 'what a disk set aside holds is forgotten',
    seeds: 60,
    from: 103,
    disk: (disk) => ({ ...withFiles(disk, (file) => file), exists: (path) => (path.endsWith('/offered') ? Promise.resolve(true) : disk.exists(path)) }),
  },
  {
    name: 'a read at a revision gives what is there now',
    store({ keyspace }) {
      const range = keyspace.range.bind(keyspace);
      keyspace.range = (options) => range(options);
    },
  },
  {
    name: 'a log is retired before it is known what others hold of it',
    store(store) {
      misread(store, (report) => {
        const { membership, replica } = store;
        const pending = membership.configuration.removed.some(({ log }) => !replica.retired.has(log));
        return pending ? { ...report, held: replica.vector() } : report;
      });
    },
  },
  {
    // Of the conditions only this one: seldom does a member hold more of a removed log than the heir, and find nobody but the heir to tell of it.
    name: 'a log is inherited though another member holds more of it',
    rare: true,
    store(store) {
      misread(store, (report) => {
        const held = new Map(report.held);
        for (const { log } of store.membership.configuration.removed) {
          const here = store.replica.vector().get(log);
          if (here === undefined) held.delete(log);
          else held.set(log, here);
        }
        return { ...report, held };
      });
    },
  },
];
