import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const listed = spawnSync('git', ['ls-files', '*.md'], { encoding: 'utf8' }).stdout.trim().split('\n');
const pages = listed.filter((page) => page !== '' && existsSync(page));

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

// Prettier quotes the marker that ends a conflict.
test.each(pages)('%s has no marker of a merge conflict', (page) => {
  expect(proseOf(page)).not.toMatch(/^(?:<{7} |>{7} |(?:> ){7})/m);
});
