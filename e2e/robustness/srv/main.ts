/**
 * A cluster that is named by DNS SRV records alone, by a real DNS server (CoreDNS): one replica starts before it stands in the zone, and waits; three make a
 * cluster, a fourth joins, and one starts again while DNS is gone.
 *
 *   node e2e/robustness/srv/main.ts
 */
import { writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeResults } from '../../results.ts';
import { edgestoreLauncher } from '../../support/edgestore.ts';
import { READY_LINE } from '../../support/member.ts';
import { freePorts, LOOPBACK } from '../../support/ports.ts';
import { Program } from '../../support/process.ts';
import { TempDir } from '../../support/temp.ts';
import { tool } from '../../tools/tools.ts';

const ZONE = 'edge.test';
const START_MS = 90_000;
const RELOAD_S = 1;
const started = Date.now();
const problems: string[] = [];

await using dir = TempDir.create('srv');
const [dnsPort = 0, ...ports] = await freePorts(9);
const [clients, peers] = [ports.slice(0, 4), ports.slice(4)];
const dnsServer = `${LOOPBACK}:${dnsPort}`;

let serial = 1;
/** The zone, with SRV records of the first so many replicas. */
function zone(count: number): void {
  const lines = [`$ORIGIN ${ZONE}.`, '$TTL 1', `@ IN SOA ns.${ZONE}. admin.${ZONE}. ${serial++} 60 60 60 1`, `@ IN NS ns.${ZONE}.`, `ns IN A ${LOOPBACK}`];
  for (let i = 0; i < count; i++) lines.push(`n${i} IN A ${LOOPBACK}`, `_etcd-server._tcp IN SRV 0 0 ${peers[i]} n${i}.${ZONE}.`);
  writeFileSync(dir.join('zone'), `${lines.join('\n')}\n`);
}
zone(2);
writeFileSync(dir.join('Corefile'), `${ZONE}:${dnsPort} {\n  bind ${LOOPBACK}\n  file ${dir.join('zone')} {\n    reload ${RELOAD_S}s\n  }\n}\n`);
const dns = new Program({ name: 'coredns', command: tool('coredns'), args: ['-conf', dir.join('Corefile')], logFile: dir.join('coredns.log') });

/** Waits until DNS says so. */
async function known(count: number): Promise<void> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([dnsServer]);
  const deadline = Date.now() + START_MS;
  while ((await resolver.resolveSrv(`_etcd-server._tcp.${ZONE}`).catch(() => [])).length !== count) {
    if (Date.now() > deadline) throw new Error(`DNS does not name ${count} replicas`);
    await sleep(100);
  }
}

const launcher = edgestoreLauncher();
const replicas = peers.map((peer, i) => new Program({
  name: `n${i}`,
  command: launcher.command,
  args: [
    ...launcher.args, '--name', `n${i}`, '--data-dir', dir.join(`n${i}.data`), '--discovery-srv', ZONE, '--dns-servers', dnsServer,
    '--listen-client-urls', `http://${LOOPBACK}:${clients[i]}`, '--advertise-client-urls', `http://${LOOPBACK}:${clients[i]}`,
    '--listen-peer-urls', `http://${LOOPBACK}:${peer}`, '--initial-advertise-peer-urls', `http://n${i}.${ZONE}:${peer}`, '--initial-cluster-state', i < 3 ? 'new' : 'existing',
  ],
  logFile: dir.join(`n${i}.log`),
}));

const call = async (i: number, path: string, body: object): Promise<{ kvs?: { value: string }[] }> => {
  const response = await fetch(`http://${LOOPBACK}:${clients[i]}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as { kvs?: { value: string }[] };
};
/** Writes at one replica, and waits until others have it. */
async function spread(key: string, from: number, to: readonly number[]): Promise<void> {
  await call(from, 'put', { key: btoa(key), value: btoa('x') });
  const deadline = Date.now() + START_MS;
  for (const i of to) {
    while ((await call(i, 'range', { key: btoa(key) }).catch(() => ({ kvs: [] }))).kvs?.length !== 1) {
      if (Date.now() > deadline) {
        problems.push(`n${i} has not got what n${from} wrote (${key})`);
        break;
      }
      await sleep(50);
    }
  }
}

const [n0, n1, n2, n3] = replicas as [Program, Program, Program, Program];
try {
  dns.start();
  await known(2);
  n2.start();
  await n2.waitForLine('the first replicas are not known yet', START_MS);
  zone(3);
  await known(3);
  n0.start();
  n1.start();
  await Promise.all([n0, n1, n2].map((replica) => replica.waitForLine(READY_LINE, START_MS)));
  await spread('three', 0, [1, 2]);
  zone(4);
  await known(4);
  n3.start();
  await n3.waitForLine(READY_LINE, START_MS);
  await spread('four', 3, [0, 1, 2]);
  // Who has a disk serves without DNS, alone for the time being.
  await dns.stop();
  await n1.stop();
  n1.start();
  await n1.waitForLine(READY_LINE, START_MS);
  if ((await call(1, 'range', { key: btoa('four') })).kvs?.length !== 1) problems.push('n1 has lost what it had');
  await spread('alone', 1, [1]);
  dns.start();
  await spread('together', 1, [0, 2, 3]);
  await spread('again', 0, [1]);
} finally {
  await Promise.all([...replicas, dns].map((program) => program.stop()));
}

console.log(`srv: ${problems.length} problems, ${((Date.now() - started) / 1_000).toFixed(1)} s`);
for (const problem of problems) console.log(`PROBLEM: ${problem}`);
writeResults([{
  suite: 'robustness/srv', name: 'replicas that only DNS names find each other, one more joins, and none needs DNS to start again', status: problems.length === 0 ? 'passed' : 'failed', reason: problems.join('; '),
  seconds: (Date.now() - started) / 1_000,
}]);
process.exitCode = problems.length === 0 ? 0 : 1;
