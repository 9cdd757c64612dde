/** The figures in the docs are those of the run in `bench/results` that the pages name. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PASSAGES } from './figures';

/** Tables with figures of runs that are not in `bench/results`; their pages say so. */
const OTHER_RUNS = ['in a later run', 'front', 'the app', 'the process', 'a bare proxy'];

const pages = new Map(
  [...new Set(PASSAGES.map(({ page }) => page))].map((page) => [
    page,
    readFileSync(page, 'utf8').replace(/[ \t]+/g, ' '),
  ]),
);

function patternOf(text: string): RegExp {
  const parts = text.split('{}').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('(\\d[\\d,]*(?:\\.\\d+)?)'), 'g');
}

/** The value as it would be printed with as many digits as the figure has. `19,100` stands for 19,050 to 19,150. */
function rounded(value: number, figure: string): string {
  const [whole = '', decimals = ''] = figure.replaceAll(',', '').split('.');
  if (decimals !== '') return (value * (1 + 1e-9)).toFixed(decimals.length);
  const zeros = Number(whole) >= 10_000 ? (/0*$/.exec(whole)?.[0].length ?? 0) : 0;
  const unit = 10 ** zeros;
  return String(Math.round(value / unit) * unit);
}

test.each(PASSAGES)('$page: $text', ({ page, text, values }) => {
  const found = [...(pages.get(page) ?? '').matchAll(patternOf(text))];
  expect(found, 'the passage stands once in the page').toHaveLength(1);
  const figures = (found[0] ?? []).slice(1);
  expect(figures).toHaveLength(values.length);
  expect(figures.map((figure) => figure.replaceAll(',', ''))).toEqual(
    values.map((value, at) => rounded(value, figures[at] ?? '')),
  );
});

describe('every measured row of a table is checked', () => {
  test.each([...pages])('in %s', (page, text) => {
    const patterns = PASSAGES.filter((passage) => passage.page === page).map((one) => patternOf(one.text));
    const measured = text.split('\n').filter((line) => /^\|.*\d (?:ms|µs|KB|MB) \||^\|.*\d× \|/.test(line));
    const unchecked = measured.filter(
      (line) =>
        !patterns.some((pattern) => line.search(pattern) >= 0) &&
        !OTHER_RUNS.some((start) => line.startsWith(`| ${start}`)),
    );
    expect(unchecked).toEqual([]);
  });
});
