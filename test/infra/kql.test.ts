// @module-tag full

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnose } from './kql';

const FOLDER = 'infra/operations';
const queryFiles = readdirSync(FOLDER).filter((file) => file.endsWith('.kql'));

interface WorkbookItem {
  name: string;
  content: { query?: string };
}
const workbook: { items: WorkbookItem[] } = JSON.parse(readFileSync(join(FOLDER, 'workbook.json'), 'utf8'));
const workbookQueries = workbook.items.flatMap(({ name, content }) =>
  content.query === undefined ? [] : [[name, content.query] as const],
);

describe("the queries on Log Analytics, by Microsoft's parser and the tables' documented columns", () => {
  it.each(queryFiles)('%s', (file) => {
    expect(diagnose(readFileSync(join(FOLDER, file), 'utf8'))).toEqual([]);
  });

  it.each(workbookQueries)('the panel %s of the workbook', (_name, query) => {
    expect(diagnose(query)).toEqual([]);
  });

  it('are all that there are', () => {
    expect([queryFiles.length, workbookQueries.length]).toEqual([2, 3]);
  });

  // https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#log-alerts
  it.each(queryFiles)('%s: an alert reads no union', (file) => {
    expect(readFileSync(join(FOLDER, file), 'utf8').replace(/\/\/.*$/gm, '')).not.toMatch(/\bunion\b/);
  });

  it.each([
    ['a column that is not there', 'AppTraces | where Mesage startswith "Feed: "', /Mesage/],
    ['a table that is not there', 'AppTrace | count', /AppTrace/],
    ['a value of another type', 'AppRequests | summarize sum(ResultCode)', /ResultCode/],
    ['an operator that is not there', 'AppTraces | were true', /were/],
  ])('%s would be noticed', (_what, query, says) => {
    expect(diagnose(query).join()).toMatch(says);
  });
});
