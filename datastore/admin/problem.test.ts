import { expect, test } from '@jest/globals';
import { RemovedError } from '../place.ts';
import { startProblem } from './problem.ts';

const errno = (code: string, more: object) => Object.assign(new Error(`${code}: raw`), { code, ...more });
class LockedError extends Error {
  override readonly name = 'LockedError';
}

test.each([
  [errno('EADDRINUSE', { syscall: 'listen', address: '127.0.0.1', port: 2379 }), '127.0.0.1:2379: the address is in use: another program listens there (listen EADDRINUSE)'],
  [errno('EADDRINUSE', { syscall: 'listen', address: '::1', port: 1 }), '[::1]:1: the address is in use: another program listens there (listen EADDRINUSE)'],
  [errno('EADDRINUSE', { syscall: 'listen', address: '/run/x.sock', port: -1 }), '/run/x.sock: the address is in use: another program listens there (listen EADDRINUSE)'],
  [errno('EACCES', { syscall: 'mkdir', path: '/data' }), '/data: permission denied (mkdir EACCES)'],
  [errno('ENOENT', { syscall: 'open', path: '/c.pem' }), '/c.pem: there is no such file (open ENOENT)'],
  [new LockedError('held'), 'held'],
  [new RemovedError('/data'), 'this replica has been removed from its cluster for good. To add it again, add it as a new member, with an empty folder in place of /data'],
  [new TypeError('x is not a function'), undefined],
  ['text', undefined],
])('%s', (error, line) => expect(startProblem(error)).toBe(line));
