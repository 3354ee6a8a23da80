import { describe, expect, test } from '@jest/globals';
import { fromEnvironment, fromFile, fromFlags } from './sources.ts';

const flags = (...args: string[]) => Object.fromEntries(fromFlags(args).values);

describe('flags', () => {
  test.each([
    ['two dashes and a value', ['--name', 'a'], { name: 'a' }],
    ['one dash and =', ['-name=a'], { name: 'a' }],
    ['a value that holds =', ['--initial-cluster=a=http://x:1'], { 'initial-cluster': 'a=http://x:1' }],
    ['an empty value', ['--name='], { name: '' }],
    ['a boolean takes no value', ['--client-cert-auth', '--name', 'a'], { 'client-cert-auth': 'true', name: 'a' }],
    ['a boolean with =', ['--strict-reconfig-check=false'], { 'strict-reconfig-check': 'false' }],
    ['the last of several', ['--name', 'a', '--name', 'b'], { name: 'b' }],
    ['a value that looks like a flag', ['--quota-backend-bytes', '-1'], { 'quota-backend-bytes': '-1' }],
    ['an experimental name of a real flag', ['--experimental-watch-progress-notify-interval=1s'], { 'watch-progress-notify-interval': '1s' }],
  ])('%s', (_, args, expected) => expect(flags(...args)).toEqual(expected));

  test.each([
    [['--nmae', 'a'], 'flag provided but not defined: --nmae (did you mean --name?)'],
    [['--listen-client-url=x'], 'flag provided but not defined: --listen-client-url (did you mean --listen-client-urls?)'],
    [['--xyzzyxyzzyxyzzy'], 'flag provided but not defined: --xyzzyxyzzyxyzzy'],
    [['--name'], 'flag needs an argument: --name'],
    [['serve'], '"serve" is not a valid flag'],
    [['--client-cert-auth', 'true'], '"true" is not a valid flag'],
  ])('%j is refused', (args, message) => expect(() => fromFlags(args)).toThrow(new Error(message)));

  test('names that are gone from etcd are ignored, with their values', () => {
    const { values, ignored } = fromFlags(['--experimental-gone', 'x', '--experimental-other', '--max-retry-attempts=1', '--name', 'a']);
    expect([...ignored]).toEqual(['experimental-gone', 'experimental-other', 'max-retry-attempts']);
    expect([...values]).toEqual([['name', 'a']]);
  });
});

describe('environment', () => {
  const none = new Map<string, string>();

  test('ETCD_ and EDGESTORE_, which wins', () => {
    const { values } = fromEnvironment({ ETCD_NAME: 'a', EDGESTORE_NAME: 'b', ETCD_LISTEN_CLIENT_URLS: 'http://127.0.0.1:1', ETCD_DATA_DIR: '', HOME: '/' }, none);
    expect(Object.fromEntries(values)).toEqual({ name: 'b', 'listen-client-urls': 'http://127.0.0.1:1' });
  });

  test('a variable that a flag shadows is an error', () => {
    expect(() => fromEnvironment({ ETCD_NAME: 'a' }, new Map([['name', 'b']]))).toThrow('ETCD_NAME is shadowed by the flag --name');
  });

  test('slips are warned of, Kubernetes\' service links and other tools\' variables are not', () => {
    const { warnings } = fromEnvironment({
      ETCD_NAMES: 'a', EDGESTORE_SLOT_BSAE: '1', EDGESTORE_TOOLS: '/x', ETCDCTL_API: '3',
      EDGESTORE_SERVICE_HOST: '10.0.0.1', EDGESTORE_PORT_2379_TCP_ADDR: '10.0.0.1', ETCD_SERVICE_PORT: '2379',
    }, none);
    expect(warnings).toEqual([
      'unrecognized environment variable ETCD_NAMES',
      'unrecognized environment variable EDGESTORE_SLOT_BSAE (did you mean EDGESTORE_SLOT_BASE?)',
    ]);
  });
});

describe('config file', () => {
  test('etcd\'s YAML, with its sections', () => {
    const { values, ignored } = fromFile(`
name: n1
listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2
quota-backend-bytes: 0
watch-progress-notify-interval: 5000000000
log-outputs: [stderr]
discovery:
proxy: 'off'
client-transport-security:
  cert-file: /c
  client-cert-auth: true
peer-transport-security:
  key-file: /k
`);
    expect(Object.fromEntries(values)).toEqual({
      name: 'n1', 'listen-client-urls': 'http://127.0.0.1:1,http://127.0.0.1:2', 'quota-backend-bytes': '0',
      'watch-progress-notify-interval': '5000000000ns', 'log-outputs': 'stderr', 'cert-file': '/c', 'client-cert-auth': 'true', 'peer-key-file': '/k',
    });
    expect([...ignored]).toEqual(['proxy']);
  });

  test('JSON', () => expect([...fromFile('{"name": "a", "strict-reconfig-check": false}').values]).toEqual([['name', 'a'], ['strict-reconfig-check', 'false']]));
  test('nothing', () => expect(fromFile('# nothing\n').values.size).toBe(0));

  test.each([
    ['nmae: a', 'config file: unknown key: nmae (did you mean name?)'],
    ['client-transport-security: {cert: x}', 'config file: unknown key: client-transport-security.cert'],
    ['name: {a: b}', 'config file: name has a value of the wrong kind'],
    ['pre-vote: perhaps', 'config file: pre-vote must be true or false'],
    ['- a', 'config file: not a map of options'],
    ['a: [', 'config file: '],
  ])('%s is refused', (text, message) => expect(() => fromFile(text)).toThrow(message));
});
