import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Pages of the docs and of the local stack, and the descriptions of parameters and alerts. */
const READ = /\.(?:md|html|bicep)$/;

const files = spawnSync('git', ['ls-files'], { encoding: 'utf8' }).stdout.trim().split('\n');
const texts = files.filter((file) => READ.test(file) && existsSync(file));

test('percentages are written as in English, without a space', () => {
  const spaced = texts.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, at) => (/\d[ \u00a0\u202f]%/.test(line) ? [`${file}:${at + 1}`] : [])),
  );
  expect(texts.length).toBeGreaterThan(20);
  expect(spaced).toEqual([]);
});
