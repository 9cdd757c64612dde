/** The command npm run analytics:coverage. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { format, resolveConfig } from 'prettier';
import { readFacts, writeFacts } from './facts';
import { judgeReference, judgeRepositories } from './sources';
import { coverageText, withCoverage } from './table';
import { createJudge } from './verdict';

const PAGE = join(__dirname, '..', '..', 'docs', 'analytics.md');

/** The page as it should be, from the facts that are committed. */
export async function coveragePage(): Promise<string> {
  const text = coverageText(readFacts('patterns'), readFacts('reference'), readFacts('repositories'));
  const page = withCoverage(readFileSync(PAGE, 'utf8'), text);
  return format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE });
}

/** `npm run analytics:coverage`: says how much of what others publish the runner covers, and writes it to the docs. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('analytics:coverage')
    .description('Lists what the runner covers of the documentation and of public queries.')
    .option('--reference <folder>', 'a clone of MicrosoftDocs/azure-reference-other, to be judged again')
    .option('--repositories <folder>', 'clones of public repositories, as owner+name, to be judged again')
    .parse([...argv], { from: 'user' });
  const { reference, repositories } = program.opts<{ reference?: string; repositories?: string }>();
  const judge = createJudge();
  try {
    if (reference !== undefined)
      writeFacts('reference', await judgeReference(reference, readFacts('reference'), judge));
    if (repositories !== undefined) writeFacts('repositories', await judgeRepositories(repositories, judge));
  } finally {
    await judge.close();
  }
  const page = await coveragePage();
  writeFileSync(PAGE, page);
  console.log(/<!-- coverage:[^>]*-->\n([\s\S]*?)\n###/.exec(page)?.[1]?.trim() ?? '');
}
