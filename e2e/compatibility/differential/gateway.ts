/** The same calls through the JSON gateway. */
import type { Call } from './client.ts';
import type { Plain } from './plain.ts';
import { plain } from './plain.ts';

const paths: Readonly<Partial<Record<Call, string>>> = {
  range: '/v3/kv/range',
  put: '/v3/kv/put',
  delete: '/v3/kv/deleterange',
  txn: '/v3/kv/txn',
  compact: '/v3/kv/compaction',
  leaseGrant: '/v3/lease/grant',
  leaseRevoke: '/v3/lease/revoke',
  leaseTimeToLive: '/v3/lease/timetolive',
  leaseLeases: '/v3/lease/leases',
};

/** Whether a request can go through the gateway and its answer be compared: sorted answers may have ties, see ties.ts. */
export const viaGateway = (call: Call, request: object): boolean => paths[call] !== undefined && !/"sort_(target|order)":[1-9]/.test(toJson(request));

/** The body of the answer, with its HTTP status; 64-bit identities by whether they are set. */
export async function callGateway(endpoint: string, call: Call, request: object): Promise<Plain> {
  const response = await fetch(`${endpoint}${paths[call]}`, { method: 'POST', body: toJson(request) });
  const body = await response.text();
  let parsed: unknown;
  try {
    parsed = JSON.parse(body, (name, value: unknown) => (name === 'cluster_id' || name === 'member_id' || name === 'raft_term' ? 'set' : value));
  } catch {
    return { status: response.status, body };
  }
  const fields = plain(parsed) as { [name: string]: Plain };
  return response.status === 200 ? fields : { ...fields, status: response.status };
}

/** protobuf's JSON: bytes in base64, 64-bit integers as strings, a oneof as the field that is set. */
function toJson(request: object): string {
  return JSON.stringify(convert(request));
}

function convert(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(convert);
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined) continue;
    const oneof = field as { $case?: string; value?: unknown };
    if (oneof !== null && typeof oneof === 'object' && oneof.$case !== undefined) out[oneof.$case] = convert(oneof.value);
    else out[name] = convert(field);
  }
  return out;
}
