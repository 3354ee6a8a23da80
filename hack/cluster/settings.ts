/** What a cluster is: its name, its folder, its addresses. Written to settings.json by `up`, read by everything else. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export type Mode = 'full' | 'light';
export type StoreKind = 'etcd' | 'edgestore';

export interface Settings {
  readonly name: string;
  readonly mode: Mode;
  readonly store: StoreKind;
  /** All files of the cluster. */
  readonly folder: string;
  /** Where kube-apiserver listens, the node's address and that of every program beside it. */
  readonly address: string;
  readonly ports: { readonly apiserver: number; readonly store: number; readonly peer: number; readonly controllers: number; readonly scheduler: number };
  /** Only with mode full: the networks, each inside 10.N.0.0/16. */
  readonly net?: Networks;
}

export interface Networks {
  /** N: no two clusters of this machine have the same (network.ts). */
  readonly number: number;
  /** All of it, for the host's route. */
  readonly all: string;
  readonly pods: string;
  readonly services: string;
  readonly dnsService: string;
  readonly metricsService: string;
  /** The host's end of the link to the cluster's network namespace. */
  readonly hostAddress: string;
  readonly hostDevice: string;
}

const ROOT = join(import.meta.dirname, '../..');

/** Unix sockets below the folder must fit in 107 bytes; the longest is the kubelet's for device plugins. */
const FOLDER_BYTES_MAX = 107 - '/kubelet/device-plugins/kubelet.sock'.length - 12;

/** The folder of the cluster `name`: EDGESTORE_CLUSTERS/NAME, by default in the checkout's .data. Throws if its path is too long. */
export function folderOf(name: string): string {
  if (!/^[a-z][a-z0-9-]{0,10}$/.test(name)) throw new Error(`--name ${name}: at most 11 small letters, digits and dashes, a letter first`);
  const folder = resolve(process.env['EDGESTORE_CLUSTERS'] ?? join(ROOT, '.data/clusters'), name);
  if (Buffer.byteLength(folder) > FOLDER_BYTES_MAX) throw new Error(`${folder} is too long for the sockets in it (${FOLDER_BYTES_MAX} bytes): name a shorter one in EDGESTORE_CLUSTERS`);
  return folder;
}

/** The networks number `n` (1 to 250): 10.N.0.0/17 for pods, 10.N.128.0/18 for services, the last four addresses for the link. */
export const networks = (n: number): Networks => ({
  number: n,
  all: `10.${n}.0.0/16`,
  pods: `10.${n}.0.0/17`,
  services: `10.${n}.128.0/18`,
  dnsService: `10.${n}.128.10`,
  metricsService: `10.${n}.128.11`,
  hostAddress: `10.${n}.255.1`,
  hostDevice: `es-${n}`,
});

export const nodeAddress = (n: number): string => `10.${n}.255.2`;

const fileOf = (folder: string): string => join(folder, 'settings.json');

export function writeSettings(settings: Settings): void {
  writeFileSync(fileOf(settings.folder), `${JSON.stringify(settings, null, 2)}\n`);
}

/** undefined: there is no such cluster. */
export function readSettings(folder: string): Settings | undefined {
  return existsSync(fileOf(folder)) ? JSON.parse(readFileSync(fileOf(folder), 'utf8')) as Settings : undefined;
}

export const apiserverUrl = ({ address, ports }: Settings): string => `https://${address}:${ports.apiserver}`;

/** First address of the services: the apiserver's own Service. */
export const apiserverService = ({ net }: Settings): string => (net === undefined ? '10.96.0.1' : net.services.replace('.0/18', '.1'));
