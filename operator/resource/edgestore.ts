/** The EdgeStore resource, and the CustomResourceDefinition that teaches it to an apiserver. */
import type { EdgeStoreSpec } from './spec.ts';
import { specSchema } from './spec.ts';
import type { EdgeStoreStatus } from './status.ts';
import { statusSchema } from './status.ts';

export const GROUP = 'edgestore.dev';
export const VERSION = 'v1alpha1';
export const KIND = 'EdgeStore';
export const PLURAL = 'edgestores';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** On an EdgeStore: "true" lets it take over volumes that one of the same name left behind. */
export const ADOPT_ANNOTATION = `${GROUP}/adopt-volumes`;

export interface EdgeStore {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: EdgeStoreSpec;
  readonly status?: EdgeStoreStatus;
}

/** The longest name for which everything that bears it is valid: a Service's name has at most 63 characters, a StatefulSet's revision label adds 11. */
export const NAME_MAX = 44;

const column = (name: string, type: string, jsonPath: string, description: string, priority = 0): object => ({ name, type, jsonPath, description, ...(priority === 0 ? {} : { priority }) });

/** The CRD, as it is written to crds/. */
export function customResourceDefinition(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: 'edgestore', shortNames: ['est'], categories: ['edgestore'] },
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' } },
        additionalPrinterColumns: [
          column('Desired', 'integer', '.spec.replicas', 'Replicas that are wanted'),
          column('Ready', 'integer', '.status.readyReplicas', 'Replicas that serve'),
          column('Synced', 'string', ".status.conditions[?(@.type=='Synced')].status", 'All replicas hold the same'),
          column('Status', 'string', '.status.phase', 'What is going on'),
          column('Age', 'date', '.metadata.creationTimestamp', 'Since it was created'),
          column('Cluster', 'string', '.status.clusterId', 'Cluster id', 1),
          column('Image', 'string', '.status.image', 'What all replicas run', 1),
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A datastore that speaks the etcd v3 API. Every replica reads and writes alone; they converge afterwards.',
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: { type: 'object' },
              spec: specSchema.json,
              status: statusSchema.json,
            },
            'x-kubernetes-validations': [
              { rule: `size(self.metadata.name) <= ${NAME_MAX}`, message: `the name may have at most ${NAME_MAX} characters: names of pods and Services are made from it` },
              { rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')", message: 'the name must begin with a letter and have only letters, digits and dashes: Services are named after it' },
            ],
          },
        },
      }],
    },
  };
}
