import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../src/errorCodes';

/** Files that a build creates. */
const BUILT = [
  'tracking.mjs',
  'tracking.d.ts',
  'hubfront.mjs',
  'hubfront.d.ts',
  'dist/hubfront.mjs',
  'dist/hubfront.d.ts',
];

const files = spawnSync('git', ['ls-files'], { encoding: 'utf8' }).stdout.trim().split('\n');
const pages = files.filter((page) => page.endsWith('.md') && existsSync(page));

/** The text outside of code blocks. */
function proseOf(page: string): string {
  return readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = proseOf(page).matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/ /g, '-'),
    ),
  );
}

test.each(pages)('the links of %s lead somewhere', (page) => {
  const broken: string[] = [];
  for (const [, link = ''] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/i.test(link)) continue;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(target)) broken.push(link);
    else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor))
      broken.push(link);
  }
  expect(broken).toEqual([]);
});

/** Files of the repository as a page names them: `src/app.ts`, or `cursor.ts` after its folder was named. */
test.each(pages)('the source files that %s names exist', (page) => {
  const named = [...proseOf(page).matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|mjs|cjs|bicep|asaql|rb))`/g)];
  const missing = named
    .map(([, path = '']) => path)
    .filter((path) => !files.some((file) => file === path || file.endsWith(`/${path}`)))
    .filter((path) => !proseOf(page).includes(`Save this as \`${path}\``) && !BUILT.includes(path));
  expect(missing).toEqual([]);
});

test('every error code is in the tables for callers and for operators', () => {
  const codes = Object.entries(PROBLEMS).map(([code, { status }]) => ({ code, status }));
  const listed = ({ code, status }: { code: string; status: number }, page: string): boolean =>
    new RegExp(`^\\| \`${code}\` +\\| ${status} `, 'm').test(readFileSync(page, 'utf8'));
  expect(codes.filter((problem) => !listed(problem, 'docs/http-api.md'))).toEqual([]);
  const operatorsCodes = codes.filter(({ code, status }) => status >= 429 && code !== 'internal_error');
  expect(operatorsCodes.filter((problem) => !listed(problem, 'docs/operating.md'))).toEqual([]);
});

// Prettier quotes the marker that ends a conflict.
test.each(pages)('%s has no marker of a merge conflict', (page) => {
  expect(proseOf(page)).not.toMatch(/^(?:<{7} |>{7} |(?:> ){7})/m);
});
