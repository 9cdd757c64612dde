import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { gatewaySpread, scalingTable } from '../../bench/scaling';

const page = readFileSync('docs/scaling.md', 'utf8');
const cellsOf = (table: string): string[][] =>
  table
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^[|\s-]+$/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

test('the table of the simulated day is what the simulation gives', () => {
  const [, rest = ''] = page.split('<!-- the table of `npm run bench -- scaling` -->');
  const [table = ''] = rest.trim().split('\n\n');
  expect(cellsOf(table)).toEqual(cellsOf(scalingTable()));
});

test('the page tells how rendezvous hashing spreads gateways', () => {
  const { largest, moved } = gatewaySpread(96, 3);
  expect(page).toContain(
    `of 96 gateways, the busiest of 3 hubs has ${largest}. A fourth hub takes over ${moved}`,
  );
});
