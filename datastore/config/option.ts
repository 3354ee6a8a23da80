/** What an option is. The table of all of them is in options.ts. */

/** How the value is written; see values.ts. `flag` is a boolean that needs no value. `milliseconds` is a plain number, as etcd has it. */
export type Kind = 'string' | 'flag' | 'integer' | 'duration' | 'list' | 'urls';

/**
 * used     it does what it says
 * no-op    accepted so that what starts etcd can start EdgeStore; it means nothing here and is logged once
 * refused  asking for it would promise what EdgeStore does not do yet: the start fails and names it
 */
export type Effect = 'used' | 'no-op' | 'refused';

export interface Option {
  readonly name: string;
  readonly kind: Kind;
  /** As it would be written on the command line. */
  readonly default: string;
  readonly group: Group;
  readonly help: string;
  readonly effect: Effect;
  /** True: no option of etcd's, only of EdgeStore's. */
  readonly own: boolean;
  /** The only values allowed, for strings. */
  readonly choices?: readonly string[];
  /** Bounds of integers (default 0 and 2^53 - 1) and of durations (ms, default 0). */
  readonly min?: number;
  readonly max?: number;
  /** Where a config file keeps it: `section` is an object, `key` the key in it. Default: the option's name at the top. */
  readonly file?: { readonly section: string; readonly key: string };
}

export const groups = ['Member', 'Clustering', 'Replication', 'Compaction', 'Client security', 'Peer security', 'Limits', 'Monitoring', 'Logging', 'General', 'Of etcd, without effect here', 'Of etcd, not supported'] as const;
export type Group = (typeof groups)[number];
