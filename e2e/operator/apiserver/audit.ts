/** What the operator's service account did, by the apiserver's audit log. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Deed {
  readonly apiGroup: string;
  /** With its subresource, if any. */
  readonly resource: string;
  readonly verb: string;
  readonly code: number;
  /** By RBAC; an admission plugin may refuse, too. */
  readonly forbidden: boolean;
}

interface Line {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string; readonly subresource?: string };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly responseStatus?: { readonly code?: number };
}

/** One line for each request of service accounts, when it is answered. */
export function writePolicy(path: string): void {
  writeFileSync(path, JSON.stringify({
    apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
  }));
}

export function deeds(path: string, username: string): Deed[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line)
    .filter((line) => line.user.username === username && line.objectRef?.resource !== undefined)
    .map(({ verb, objectRef, responseStatus, annotations }) => ({
      apiGroup: objectRef?.apiGroup ?? '',
      resource: [objectRef?.resource, objectRef?.subresource].filter((part) => part !== undefined && part !== '').join('/'),
      verb,
      code: responseStatus?.code ?? 0,
      forbidden: annotations?.['authorization.k8s.io/decision'] === 'forbid',
    }));
}

export const isWrite = ({ verb }: Deed): boolean => !['get', 'list', 'watch'].includes(verb);
