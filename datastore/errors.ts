/**
 * Every error of the etcd API that EdgeStore answers, in one place, with etcd 3.7's own texts
 * (`api/v3rpc/rpctypes/error.go`). `api/` maps them to gRPC once, at the edge.
 */

/** gRPC status codes (google.rpc.Code). */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** An answer that a client gets as it is. Anything else that is thrown is a programmer's error. */
export class EtcdError extends Error {
  readonly code: Code;
  constructor(code: Code, message: string) {
    super(message);
    this.name = 'EtcdError';
    this.code = code;
  }
}

const error = (code: Code, text: string) => () => new EtcdError(code, `etcdserver: ${text}`);

export const errEmptyKey = error(Code.INVALID_ARGUMENT, 'key is not provided');
export const errKeyNotFound = error(Code.INVALID_ARGUMENT, 'key not found');
export const errValueProvided = error(Code.INVALID_ARGUMENT, 'value is provided');
export const errLeaseProvided = error(Code.INVALID_ARGUMENT, 'lease is provided');
export const errTooManyOps = error(Code.INVALID_ARGUMENT, 'too many operations in txn request');
export const errDuplicateKey = error(Code.INVALID_ARGUMENT, 'duplicate key given in txn request');
export const errInvalidSortOption = error(Code.INVALID_ARGUMENT, 'invalid sort option');
export const errRequestTooLarge = error(Code.INVALID_ARGUMENT, 'request is too large');
export const errCompacted = error(Code.OUT_OF_RANGE, 'mvcc: required revision has been compacted');
export const errFutureRev = error(Code.OUT_OF_RANGE, 'mvcc: required revision is a future revision');
export const errNoSpace = error(Code.RESOURCE_EXHAUSTED, 'mvcc: database space exceeded');
export const errTooManyRequests = error(Code.RESOURCE_EXHAUSTED, 'too many requests');
export const errLeaseNotFound = error(Code.NOT_FOUND, 'requested lease not found');
export const errLeaseExist = error(Code.FAILED_PRECONDITION, 'lease already exists');
export const errLeaseTTLTooLarge = error(Code.OUT_OF_RANGE, 'too large lease TTL');
export const errMemberNotFound = error(Code.NOT_FOUND, 'member not found');
export const errMemberExist = error(Code.FAILED_PRECONDITION, 'member ID already exist');
export const errPeerUrlExist = error(Code.FAILED_PRECONDITION, 'Peer URLs already exists');
/** Also what removing the only member is answered with. */
export const errMemberNotEnoughStarted = error(Code.FAILED_PRECONDITION, 're-configuration failed due to not enough started members');
export const errMemberNotLearner = error(Code.FAILED_PRECONDITION, 'can only promote a learner member');
export const errNotLeader = error(Code.FAILED_PRECONDITION, 'not leader');
export const errBadLeaderTransferee = error(Code.FAILED_PRECONDITION, 'bad leader transferee');
export const errAuthNotEnabled = error(Code.FAILED_PRECONDITION, 'authentication is not enabled');
export const errTimeout = error(Code.UNAVAILABLE, 'request timed out');
export const errStopped = error(Code.UNAVAILABLE, 'server stopped');
/** Not an error of etcd's: a replica that has an empty disk, drains, or cannot write. Retryable elsewhere. */
export const errUnavailable = (why: string) => new EtcdError(Code.UNAVAILABLE, `etcdserver: ${why}`);
export const errUnimplemented = (what: string) => new EtcdError(Code.UNIMPLEMENTED, `etcdserver: ${what} is not supported by this server`);
export const errWatchCanceled = () => new EtcdError(Code.CANCELLED, 'etcdserver: watch canceled');
export const errMemberBadURLs = error(Code.INVALID_ARGUMENT, 'given member URLs are invalid');
export const errWrongDowngradeVersionFormat = error(Code.INVALID_ARGUMENT, 'wrong downgrade target version format');
export const errInvalidDowngradeTargetVersion = error(Code.INVALID_ARGUMENT, 'invalid downgrade target version');
export const errNoInflightDowngrade = error(Code.FAILED_PRECONDITION, 'no inflight downgrade job');
/** v3election's: they have no prefix, and no code of their own. */
export const errElectionNoLeader = () => new EtcdError(Code.UNKNOWN, 'election: no leader');
export const errElectionNotLeader = () => new EtcdError(Code.UNKNOWN, 'election: not leader');
export const errMissingLeaderKey = () => new EtcdError(Code.UNKNOWN, '"leader" field must be provided');
/** v3lock's (client/v3/concurrency). */
export const errSessionExpired = () => new EtcdError(Code.UNKNOWN, 'mutex: session is expired');
