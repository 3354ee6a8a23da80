import { expect, test } from '@jest/globals';
import { plainKubeconfig } from './connection.ts';

const config = (user: object, cluster: object = {}): string => JSON.stringify({
  'current-context': 'c', contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace: 'n' } }],
  clusters: [{ name: 'k', cluster: { server: 'https://h:1/', ...cluster } }], users: [{ name: 'u', user }],
});

test('a token', async () => {
  const connection = plainKubeconfig('/x', config({ token: 't' }, { 'insecure-skip-tls-verify': true }));
  expect(connection).toMatchObject({ server: 'https://h:1', namespace: 'n' });
  expect(await connection?.headers()).toEqual({ authorization: 'Bearer t' });
});
test.each([
  ['a program', config({ exec: { command: 'aws' } })],
  ['a provider', config({ 'auth-provider': { name: 'oidc' } })],
  ['a proxy', config({ token: 't' }, { 'proxy-url': 'http://p' })],
  ['no context', '{}'],
  ['nothing', ''],
])('%s is for the library', (_, text) => expect(plainKubeconfig('/x', text)).toBeNull());
