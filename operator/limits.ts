/** Times and bounds of the operator that are nobody's option. */

/** Of the grace period of a pod: how long the replica may flush to its peers. The rest is for closing. */
export const FLUSH_SHARE = 2 / 3;
/** While something is under way: how often it is looked at. */
export const BUSY_MS = 1_000;
/** How long a replica may take to answer a question. */
export const REPLICA_ANSWER_MS = 5_000;
/** Members that a joiner is told of. One that answers is enough. */
export const PEERS_TOLD = 8;
/** Lag below which a replica counts as caught up, and as behind rather than far behind, s. */
export const CAUGHT_UP_S = 5;
export const BEHIND_S = 60;
/** A rolling update: how long the StatefulSet waits with pods of the old template. Higher than any ordinal. */
export const PARTITION_ALL = 256;
/** Certificates of the operator's own making. */
export const CA_DAYS = 3_650;
export const CERTIFICATE_DAYS = 365;
/** A certificate is made anew when this share of its life is over. */
export const RENEW_SHARE = 2 / 3;
