/**
 * Who the replicas are. What a replica says of itself to clients (its name, its client URLs) is a system key of its own, `member/<id, hex>`, as
 * etcd publishes a member's attributes.
 */
import { errUnimplemented } from '../errors.ts';
import { Space } from '../replica/types.ts';
import type { CommitSystem, SystemSpacePort } from './system.ts';

export interface MemberInfo {
  readonly id: bigint;
  readonly name: string;
  readonly slot: number;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

export interface ListedMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

interface Published {
  readonly name: string;
  readonly clientURLs: readonly string[];
}

const PREFIX = 'member/';

export class Members {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly #configured: readonly MemberInfo[];
  readonly #self: MemberInfo;
  readonly #space: SystemSpacePort;
  readonly #commit: CommitSystem;

  constructor(clusterId: bigint, self: MemberInfo, configured: readonly MemberInfo[], space: SystemSpacePort, commit: CommitSystem) {
    this.clusterId = clusterId;
    this.memberId = self.id;
    this.#self = self;
    this.#configured = configured;
    this.#space = space;
    this.#commit = commit;
  }

  /** Every replica answers what it knows: there is nobody to ask who would know better. Sorted by id, as etcd's. */
  members(): readonly ListedMember[] {
    return this.#configured
      .map(({ id, name, peerURLs }) => {
        const published = id === this.memberId ? this.#self : this.#published(id);
        // etcd lists a member that has not published yet without a name.
        return { id, name: published === undefined ? '' : name, peerURLs, clientURLs: published?.clientURLs ?? [], isLearner: false };
      })
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Says who this replica is, if the cluster does not know it so already. */
  async publish(): Promise<void> {
    const { id, name, clientURLs } = this.#self;
    const value = Buffer.from(JSON.stringify({ name, clientURLs } satisfies Published));
    const known = this.#space.get(PREFIX + id.toString(16));
    if (known !== null && value.equals(known)) return;
    await this.#commit([{ space: Space.system, key: PREFIX + id.toString(16), value, lease: 0n }]);
  }

  add(): Promise<never> {
    return Promise.reject(errUnimplemented('MemberAdd'));
  }
  remove(): Promise<never> {
    return Promise.reject(errUnimplemented('MemberRemove'));
  }
  update(): Promise<never> {
    return Promise.reject(errUnimplemented('MemberUpdate'));
  }
  promote(): Promise<never> {
    return Promise.reject(errUnimplemented('MemberPromote'));
  }

  #published(id: bigint): Published | undefined {
    const value = this.#space.get(PREFIX + id.toString(16));
    return value === null ? undefined : (JSON.parse(Buffer.from(value).toString('utf8')) as Published);
  }
}
