/**
 * The Cluster service of one replica, and who its members are to clients. What a replica says of itself (its name, its client URLs) is a system key
 * of its own, `member/<id, hex>`, as etcd publishes a member's attributes; who is a member at all, the membership says.
 */
import { errMemberNotFound, errMemberNotLearner } from '../errors.ts';
import { adding, evicting, removing, updating } from '../membership/configuration.ts';
import type { Configuration } from '../membership/configuration.ts';
import type { Membership } from '../membership/membership.ts';
import { Space } from '../replica/types.ts';
import type { CommitSystem, SystemSpacePort } from './system.ts';

export interface MemberInfo {
  readonly id: bigint;
  readonly name: string;
  readonly slot: number;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

/** A member as clients see it. */
export interface ListedMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  /** A replica that does not serve yet. */
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
  readonly #self: MemberInfo;
  readonly #membership: Membership;
  readonly #idOf: (peerURLs: readonly string[]) => bigint;
  readonly #space: SystemSpacePort;
  readonly #commit: CommitSystem;

  /** @param idOf the id of a member that is added with these URLs */
  constructor(membership: Membership, self: MemberInfo, idOf: (peerURLs: readonly string[]) => bigint, space: SystemSpacePort, commit: CommitSystem) {
    this.clusterId = BigInt(`0x${membership.clusterId}`);
    this.memberId = self.id;
    this.#self = self;
    this.#membership = membership;
    this.#idOf = idOf;
    this.#space = space;
    this.#commit = commit;
  }

  /** Every replica answers what it knows: there is nobody to ask who would know better. Sorted by id, as etcd's. */
  members(): readonly ListedMember[] {
    return this.#list(this.#membership.configuration);
  }

  /** Says who this replica is, if the cluster does not know it so already. */
  async publish(): Promise<void> {
    const { id, name, clientURLs } = this.#self;
    const value = Buffer.from(JSON.stringify({ name, clientURLs } satisfies Published));
    const known = this.#space.get(PREFIX + id.toString(16));
    if (known !== null && value.equals(known)) return;
    await this.#commit([{ space: Space.system, key: PREFIX + id.toString(16), value, lease: 0n }]);
  }

  /** Records a member before its disk comes. There are no learners: a member counts once it has caught up. */
  async add(peerURLs: readonly string[]): Promise<{ member: ListedMember; members: readonly ListedMember[] }> {
    const id = this.#idOf(peerURLs);
    const made = await this.#membership.propose(adding({ id, name: '', slot: null, peerURLs: [...peerURLs].sort() }));
    const members = this.#list(made);
    const member = members.find((m) => m.id === id);
    if (member === undefined) throw errMemberNotFound();
    return { member, members };
  }

  /** For good. Who is to take its data along drains it first. */
  async remove(id: bigint): Promise<readonly ListedMember[]> {
    return this.#list(await this.#membership.propose(removing(id)));
  }

  /** It keeps its place and may return, as a new incarnation. */
  async evict(id: bigint): Promise<readonly ListedMember[]> {
    return this.#list(await this.#membership.propose(evicting(id)));
  }

  /** For an administrator, when a majority's disks are gone. */
  async forceRemove(ids: readonly bigint[]): Promise<readonly ListedMember[]> {
    return this.#list(await this.#membership.forceRemove(ids));
  }

  async update(id: bigint, peerURLs: readonly string[]): Promise<readonly ListedMember[]> {
    return this.#list(await this.#membership.propose(updating(id, peerURLs)));
  }

  /** @throws etcd's error for a member that is no learner: none is */
  promote(id: bigint): Promise<never> {
    return Promise.reject(this.#membership.configuration.members.some((m) => m.id === id) ? errMemberNotLearner() : errMemberNotFound());
  }

  #list(configuration: Configuration): ListedMember[] {
    return configuration.members
      .map(({ id, name, peerURLs }) => {
        const published = id === this.memberId ? this.#self : this.#published(id);
        // etcd lists a member that has not published yet without a name.
        return { id, name: published === undefined ? '' : name, peerURLs, clientURLs: published?.clientURLs ?? [], isLearner: false };
      })
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #published(id: bigint): Published | undefined {
    const value = this.#space.get(PREFIX + id.toString(16));
    return value === null ? undefined : (JSON.parse(Buffer.from(value).toString('utf8')) as Published);
  }
}
