import { expect, test } from '@jest/globals';
import { figuresOf, worstLag } from './figures.ts';
import { lagTable } from './lag.ts';

const PAGE = `# HELP x
edgestore_replica_info{name="a",slot="3",cluster_id="c1"} 1
edgestore_build_info{version="0.1.0",node="24"} 1
etcd_server_version{server_version="3.7.3"} 1
etcd_server_id{server_id="ff"} 1
etcd_debugging_mvcc_current_revision 137438957056
etcd_mvcc_db_total_size_in_bytes 2048
etcd_server_has_leader 0
edgestore_alarm{type="NOSPACE"} 1
edgestore_peer_connected{peer="c"} 0
edgestore_peer_connected{peer="b"} 1
edgestore_replication_lag_seconds{peer="b"} 0.25
edgestore_replication_lag_seconds{peer="c"} 12
edgestore_replication_unacked_ops{peer="c"} 7
`;

test('what a replica says of itself', () => {
  const figures = figuresOf(PAGE);
  expect(figures).toEqual({
    name: 'a', slot: 3, clusterId: 'c1', memberId: 'ff', version: '0.1.0', etcdVersion: '3.7.3', revision: 137438957056, dbSizeBytes: 2048, serving: false, alarms: ['NOSPACE'],
    links: [{ peer: 'b', connected: true, lagSeconds: 0.25, unackedWrites: 0 }, { peer: 'c', connected: false, lagSeconds: 12, unackedWrites: 7 }],
  });
  expect(worstLag(figures)).toBe(12);
});

test('a replica that says nothing yet', () => {
  expect(figuresOf('')).toEqual({ alarms: [], links: [] });
  expect(worstLag(figuresOf(''))).toBe(0);
});

test('the lag of each pair', () => {
  expect(lagTable([{ name: 'a', links: figuresOf(PAGE).links }, { name: 'b', links: undefined }])).toBe([
    'WRITTEN AT  a  b    c',
    'a           -  0.3  12.0 x',
    'b           ?  ?    ?',
  ].join('\n'));
});
