/** `edgestore member`: who belongs to the cluster. What etcdctl can do it does, too; the rest is EdgeStore's own. */
import { parseArgs } from 'node:util';
import { MemberAddRequest, MemberAddResponse, MemberRemoveRequest, MemberRemoveResponse, MemberUpdateRequest, MemberUpdateResponse } from '../api/generated/etcdserverpb/rpc.ts';
import { ConfigError } from '../config/errors.ts';
import { call } from './client.ts';
import { ask, targetOf, targetOptions } from './common.ts';
import type { Target } from './common.ts';
import { textTable } from './table.ts';

export const memberUsage = `edgestore member list | add NAME --peer-urls URL[,URL] | update ID --peer-urls URL[,URL] | remove ID | evict ID | force-remove ID...
                 [--endpoint host:port] [--timeout SECONDS] [--cacert FILE] [--cert FILE --key FILE]

Every change needs the consent of a majority of the members, and reading and writing never wait for it.
add           records a member before it comes; prints what to start it with
remove        for good. Drain the replica first (edgestore drain)
evict         its place is kept: when it returns it joins again, as a new incarnation
force-remove  without a majority, because its disks are gone. What only the removed ones held is lost. Never while a majority may still be alive`;

interface Listed {
  readonly number: number;
  readonly members: readonly { id: string; name: string; slot: number; log: string | null; standing: string; peerURLs: readonly string[]; connected: boolean }[];
}

function table({ number, members }: Listed): string {
  const rows = members.map((m) => [m.id, m.name, String(m.slot), m.log ?? '', m.standing, m.connected ? 'yes' : 'no', m.peerURLs.join(',')]);
  return `${textTable(['ID', 'NAME', 'SLOT', 'LOG', 'STANDING', 'CONNECTED', 'PEER URLS'], rows)}\nconfiguration ${number}`;
}

const idOf = (text: string | undefined): bigint => {
  if (text === undefined || !/^[0-9a-f]{1,16}$/i.test(text)) throw new ConfigError(`"${text ?? ''}" is no member id: up to 16 hexadecimal digits, as member list shows them`);
  return BigInt(`0x${text}`);
};

const grpc = async <Q, A>(target: Target, ...[name, request, response, message]: [string, Parameters<typeof call<Q, A>>[3], Parameters<typeof call<Q, A>>[4], Q]): Promise<A> => {
  try {
    return await call(target.endpoint, target.tls, `/etcdserverpb.Cluster/${name}`, request, response, message, target.timeout_ms);
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
};

/** Runs the command. Returns the exit code. */
export async function member(args: readonly string[], environment: Readonly<Record<string, string | undefined>>, print: (text: string) => void): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { ...targetOptions, 'peer-urls': { type: 'string', default: '' } } });
  const [verb, ...names] = positionals;
  if (values.help || verb === undefined) {
    print(memberUsage);
    return values.help ? 0 : 1;
  }
  const target = targetOf(values, environment, 15);
  const urls = values['peer-urls'].split(',').map((url) => url.trim()).filter((url) => url !== '');
  const list = async (): Promise<void> => print(table(await ask<Listed>(target, 'GET', '/admin/members')));
  switch (verb) {
    case 'list':
      break;
    case 'add': {
      const [name] = names;
      if (name === undefined || urls.length === 0) throw new ConfigError('member add NAME --peer-urls URL[,URL]');
      const made = await grpc(target, 'MemberAdd', MemberAddRequest, MemberAddResponse, MemberAddRequest.fromPartial({ peerURLs: urls }));
      const cluster = made.members.flatMap((m) => m.peerURLs.map((url) => `${m.ID === made.member?.ID ? name : m.name}=${url}`)).join(',');
      print(`Member ${(made.member?.ID ?? 0n).toString(16)} added\n\nETCD_NAME="${name}"\nETCD_INITIAL_CLUSTER="${cluster}"\nETCD_INITIAL_ADVERTISE_PEER_URLS="${urls.join(',')}"\nETCD_INITIAL_CLUSTER_STATE="existing"`);
      return 0;
    }
    case 'update':
      await grpc(target, 'MemberUpdate', MemberUpdateRequest, MemberUpdateResponse, MemberUpdateRequest.fromPartial({ ID: idOf(names[0]), peerURLs: urls }));
      break;
    case 'remove':
      await grpc(target, 'MemberRemove', MemberRemoveRequest, MemberRemoveResponse, MemberRemoveRequest.fromPartial({ ID: idOf(names[0]) }));
      break;
    case 'evict':
      await ask(target, 'POST', `/admin/members/evict?id=${idOf(names[0]).toString(16)}`);
      break;
    case 'force-remove':
      if (names.length === 0) throw new ConfigError('member force-remove ID...');
      await ask(target, 'POST', `/admin/members/force-remove?${names.map((name) => `id=${idOf(name).toString(16)}`).join('&')}`);
      break;
    default:
      throw new ConfigError(`member ${verb}: there is no such command. Commands: list, add, update, remove, evict, force-remove`);
  }
  await list();
  return 0;
}
