import assert from 'node:assert/strict';
import test from 'node:test';
import { blocksOf, firstMissing } from './blocks.ts';

test('blocks: what is run, looked at, written, done', () => {
  const blocks = blocksOf(['# x', '```sh at=a', 'echo 1', '```', '<!-- test: cut -->', '```console at=b within=5', '$ echo \\', '  2', '2', '$ true', '```',
    '```yaml at=a file=/etc/x.yaml', 'a: 1', '```', '```text', 'not run', '```'].join('\n'));
  assert.deepEqual(blocks.map(({ kind, line }) => `${kind} ${line}`), ['run 2', 'act 5', 'look 7', 'look 10', 'file 12']);
  assert.deepEqual(blocks[2], { kind: 'look', line: 7, at: 'b', text: 'echo \\\n  2', expected: ['2'], within_s: 5 });
  assert.deepEqual(blocks[1], { kind: 'act', line: 5, words: ['cut'] });
});

test('a block of which nobody says what it is', () => {
  assert.throws(() => blocksOf('```sh\nrm -rf x\n```'), /line 1: a block says where/);
  assert.throws(() => blocksOf('```python at=a\n1\n```'), /neither sh nor console/);
  assert.throws(() => blocksOf('```sh at=a\n1'), /no end/);
});

test('printed lines: numbers and ids may differ, words and their order may not', () => {
  const printed = 'NAME  SLOT  LAG S\nn0       0    0.0\nn1       1   12.5  1.9f3a2b1c\n';
  assert.equal(firstMissing(['NAME SLOT LAG S', 'n0 3 1.0'], printed), null);
  assert.equal(firstMissing(['n1 … 1.deadbeef'], printed), null);
  assert.equal(firstMissing(['n1 …', 'n0 …'], printed), 'n0 …');
  assert.equal(firstMissing(['NAME SLOT LAG'], printed), 'NAME SLOT LAG');
  assert.equal(firstMissing(['LAG S'], printed), 'LAG S');
});
