/** Who created and deleted what at one apiserver: its audit log, for when a test finds something gone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

interface Entry {
  readonly stage: string;
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestReceivedTimestamp: string;
  readonly objectRef?: { readonly name?: string; readonly namespace?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestObject?: { readonly preconditions?: object; readonly metadata?: { readonly ownerReferences?: readonly { readonly uid: string }[] } };
  readonly responseObject?: { readonly metadata?: { readonly name?: string; readonly uid?: string }; readonly spec?: { readonly replicas?: number }; readonly status?: { readonly replicas?: number } };
}

const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'RequestResponse', verbs: ['create', 'delete', 'deletecollection'], resources: [{ group: '', resources: ['pods'] }, { group: 'apps', resources: ['replicasets'] }] },
    { level: 'RequestResponse', verbs: ['update', 'patch'], resources: [{ group: 'apps', resources: ['replicasets', 'replicasets/status'] }] },
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

  /** The controllers that deleted a pod or ReplicaSet; empty if none did. */
  deleters(name: string): string[] {
    return this.entries().filter((entry) => entry.verb === 'delete' && entry.objectRef?.name === name && entry.responseStatus?.code === 200).map(controllerOf);
  }

  /** Pods and ReplicaSets whose names begin with `prefix`: when, what, by whom, how it was answered. */
  lines(prefix: string): string[] {
    return this.entries().flatMap((entry) => {
      const { verb, requestReceivedTimestamp, objectRef, responseStatus, requestObject, responseObject } = entry;
      const name = objectRef?.name ?? responseObject?.metadata?.name ?? '';
      if (!name.startsWith(prefix)) return [];
      const owner = requestObject?.metadata?.ownerReferences?.[0]?.uid;
      const { metadata, spec, status } = responseObject ?? {};
      // Of a ReplicaSet, how many it asks for and has now.
      const replicas = spec?.replicas === undefined ? '' : ` ${metadata?.uid}: ${status?.replicas ?? 0} of ${spec.replicas}`;
      return [`${requestReceivedTimestamp} ${verb}${objectRef?.subresource === undefined ? '' : ` ${objectRef.subresource} of`} ${name}${replicas}${owner === undefined ? '' : ` of ${owner}`} by ${controllerOf(entry)}: ${responseStatus?.code ?? '?'}${requestObject?.preconditions === undefined ? '' : ` ${JSON.stringify(requestObject.preconditions)}`}`];
    });
  }

  private entries(): Entry[] {
    if (!existsSync(this.file)) return [];
    return readFileSync(this.file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Entry);
  }
}

/** The last part of an agent is the controller. */
const controllerOf = ({ userAgent = '' }: Entry): string => userAgent.split('/').at(-1) ?? '';
