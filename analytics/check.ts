/** The command that checks queries without running them. */

import { isAbsolute, normalize, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createEngine } from './engine';
import { UsageError, readText } from './fileAccess';
import { DEFAULT_TIME_POLICY } from './timePolicy';
import { stubScripts } from './functions';
import { QueryError, diagnostic, translate } from './query';

interface Finding {
  file: string;
  line: number;
  column: number;
  message: string;
}

export interface Check {
  report: string;
  /** number of queries that are wrong */
  wrong: number;
  /** what is wrong with the files that cannot be read */
  unreadable: readonly string[];
}

/**
 * Translates queries and prepares them to run. A file that cannot be read does not keep the others from being checked.
 *
 * @param format `text`: a line for each query that is wrong; `json`: a list of all findings; `sarif`: the same in SARIF 2.1.0, as code scanning reads it
 */
export async function checkQueries(files: readonly string[], format: string): Promise<Check> {
  const wrong: Finding[] = [];
  const unreadable: Finding[] = [];
  for (const file of files)
    try {
      const plan = translate(await readText(file));
      const engine = await createEngine(plan, DEFAULT_TIME_POLICY, stubScripts(plan.functions));
      engine.close();
    } catch (error) {
      if (error instanceof QueryError) wrong.push({ file, ...error.at, message: error.message });
      // Code scanning shows no finding without a line.
      else if (error instanceof UsageError)
        unreadable.push({ file, line: 1, column: 1, message: error.message });
      else throw error;
    }
  return {
    report: formatted(wrong, unreadable, format),
    wrong: wrong.length,
    unreadable: unreadable.map(({ message }) => message),
  };
}

function formatted(wrong: readonly Finding[], unreadable: readonly Finding[], format: string): string {
  const all = [...wrong, ...unreadable];
  if (format === 'json') return JSON.stringify(all, null, 2);
  if (format === 'sarif') return JSON.stringify(sarif(all), null, 2);
  return wrong
    .map(({ file, line, column, message }) => diagnostic(file, new QueryError(message, { line, column })))
    .join('\n');
}

/** A relative path stays relative, because code scanning shows files of its repository. */
const uriOf = (file: string): string =>
  isAbsolute(file) ? pathToFileURL(file).href : normalize(file).split(sep).map(encodeURIComponent).join('/');

const sarif = (findings: readonly Finding[]): object => ({
  $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
  version: '2.1.0',
  runs: [
    {
      columnKind: 'utf16CodeUnits',
      tool: { driver: { name: 'asa', rules: [{ id: 'query' }] } },
      results: findings.map(({ file, line, column, message }) => ({
        ruleId: 'query',
        level: 'error',
        message: { text: message },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: uriOf(file) },
              region: { startLine: line, startColumn: column },
            },
          },
        ],
      })),
    },
  ],
});
