/** Who created and deleted what at one apiserver: its audit log, for when a test finds something gone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

interface Entry {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly name?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestObject?: { readonly preconditions?: object; readonly metadata?: { readonly ownerReferences?: readonly { readonly uid: string }[] } };
  readonly responseObject?: { readonly metadata?: { readonly name?: string } };
}

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'RequestResponse', verbs: ['create', 'delete', 'deletecollection'], resources: [{ group: '', resources: ['pods'] }, { group: 'apps', resources: ['replicasets'] }] },
    { level: 'None' },
  ],
};

export class Audit {
  private readonly file: string;

  /** @param file its log, not there yet */
  constructor(file: string) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.policy.json`, JSON.stringify(policy));
  }

  /** For kube-apiserver. */
  get flags(): string[] {
    return [`--audit-log-path=${this.file}`, `--audit-policy-file=${this.file}.policy.json`];
  }

  /** Pods and ReplicaSets whose names begin with `prefix`: when, what, by whom, how it was answered. */
  lines(prefix: string): string[] {
    if (!existsSync(this.file)) return [];
    const entries = readFileSync(this.file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
    return entries.flatMap(({ verb, userAgent = '', requestReceivedTimestamp, objectRef, responseStatus, requestObject, responseObject }) => {
      const name = objectRef?.name ?? responseObject?.metadata?.name ?? '';
      if (!name.startsWith(prefix)) return [];
      const owner = requestObject?.metadata?.ownerReferences?.[0]?.uid;
      // The last part of an agent is the controller.
      const who = userAgent.split('/').at(-1) ?? '';
      return [`${requestReceivedTimestamp} ${verb} ${name}${owner === undefined ? '' : ` of ${owner}`} by ${who}: ${responseStatus?.code ?? '?'}${requestObject?.preconditions === undefined ? '' : ` ${JSON.stringify(requestObject.preconditions)}`}`];
    });
  }
}
