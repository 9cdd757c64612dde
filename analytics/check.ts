/** The command that checks queries without running them. */

import { isAbsolute, normalize, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createEngine } from './engine';
import { readText } from './fileAccess';
import { DEFAULT_TIME_POLICY } from './timePolicy';
import { stubScripts } from './functions';
import { QueryError, diagnostic, translate } from './query';

interface Finding {
  file: string;
  line: number;
  column: number;
  message: string;
}

/**
 * Translates queries and prepares them to run.
 *
 * @param format `text`: a line for each finding; `json`: a list; `sarif`: SARIF 2.1.0, as code scanning reads it
 * @throws {UsageError} when a file cannot be read
 */
export async function checkQueries(
  files: readonly string[],
  format: string,
): Promise<{ report: string; wrong: number }> {
  const findings: Finding[] = [];
  for (const file of files) {
    const text = await readText(file);
    try {
      const plan = translate(text);
      const engine = await createEngine(plan, DEFAULT_TIME_POLICY, stubScripts(plan.functions));
      engine.close();
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      findings.push({ file, ...error.at, message: error.message });
    }
  }
  return { report: formatted(findings, format), wrong: findings.length };
}

function formatted(findings: readonly Finding[], format: string): string {
  if (format === 'json') return JSON.stringify(findings, null, 2);
  if (format === 'sarif') return JSON.stringify(sarif(findings), null, 2);
  return findings
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
