/** Writes the coverage as Markdown. */

import type { readFacts } from './facts';

type Facts<Name extends 'patterns' | 'reference' | 'repositories'> = ReturnType<typeof readFacts<Name>>;

const BEGIN = '<!-- coverage: written by npm run analytics:coverage -->';
const END = '<!-- end of coverage -->';

const percent = (part: number, whole: number): string => `${Math.floor((100 * part) / Math.max(1, whole))}%`;

/** What the counts of the query patterns say. */
const RESULTS = {
  equal: 'give the rows of the page',
  misprint: 'cannot give the rows of the page because of a misprint in it',
  refused: 'refused',
  different: 'different',
};

/** The part of the page that the tool writes. */
export function coverageText(
  patterns: Facts<'patterns'>,
  reference: Facts<'reference'>,
  repositories: Facts<'repositories'>,
): string {
  const counts = (['equal', 'misprint', 'refused', 'different'] as const).map((kind) => {
    const count = patterns.queries.filter(({ verdict }) => verdict === kind).length;
    return count > 0 || kind === 'different' ? [`${count} ${RESULTS[kind]}`] : [];
  });
  const whole = reference.examples.filter(({ fragment }) => fragment === undefined);
  const run = whole.filter(({ verdict }) => verdict === 'runs').length;
  const all = repositories.flatMap(({ queries }) => queries);
  const valid = all.filter(({ verdict }) => verdict !== 'invalid');
  const translated = all.filter(({ verdict }) => verdict === 'runs').length;
  return [
    BEGIN,
    '',
    `| source | queries | result |`,
    `| --- | --- | --- |`,
    `| [query patterns](${patterns.page}) | ${patterns.queries.length} | ${counts.flat().join(', ')} |`,
    `| examples of the language reference | ${reference.examples.length}, of which ${whole.length} are whole queries | ${run} run (${percent(run, whole.length)}) |`,
    ...(repositories.length === 0
      ? []
      : [
          `| ${repositories.length} public repositories | ${all.length}, of which ${valid.length} are Stream Analytics queries | ${translated} translate (${percent(translated, valid.length)} of those, ${percent(translated, all.length)} of all) |`,
        ]),
    '',
    '### Query patterns',
    '',
    '| section | result |',
    '| --- | --- |',
    ...patterns.queries.map(
      (one) =>
        `| ${one.section} | ${one.verdict === 'equal' ? `equal: \`${one.case ?? ''}\`` : `${one.verdict}: ${one.reason ?? ''}`} |`,
    ),
    '',
    '### Language reference',
    '',
    `Examples of [${reference.repository}](https://github.com/${reference.repository}/tree/${reference.commit}) that do not run. All others do.`,
    '',
    '| page | example | reason |',
    '| --- | --- | --- |',
    ...reference.examples
      .filter(({ verdict, fragment }) => verdict !== 'runs' || fragment !== undefined)
      .map((one) => `| ${one.page} | ${one.example} | ${cell(one.fragment ?? one.reason ?? one.verdict)} |`),
    '',
    ...(repositories.length === 0 ? [] : repositoryLines(repositories, all)),
    END,
  ].join('\n');
}

function repositoryLines(
  repositories: Facts<'repositories'>,
  all: Facts<'repositories'>[number]['queries'],
): string[] {
  return [
    '### Public repositories',
    '',
    '| repository | queries | translate | not covered | not valid |',
    '| --- | --- | --- | --- | --- |',
    ...repositories.map(({ repository, commit, queries }) => {
      const count = (kind: string): number => queries.filter(({ verdict }) => verdict === kind).length;
      return `| [${repository}](https://github.com/${repository}/tree/${commit}) | ${queries.length} | ${count('runs')} | ${count('uncovered') + count('hangs')} | ${count('invalid')} |`;
    }),
    '',
    'Reasons for refusals there:',
    '',
    '| queries | reason |',
    '| --- | --- |',
    ...reasons(all).map(([reason, count]) => `| ${count} | ${cell(reason)} |`),
    '',
  ];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

function reasons(queries: readonly { verdict: string; reason?: string | undefined }[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { verdict, reason } of queries)
    if (verdict !== 'runs') counts.set(reason ?? verdict, (counts.get(reason ?? verdict) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

/** The page with its coverage replaced. @throws Error when the page has no place for it */
export function withCoverage(page: string, text: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`docs/analytics.md has no '${BEGIN}'`);
  return page.slice(0, from) + text + page.slice(to + END.length);
}
