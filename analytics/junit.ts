/** Writes test results as JUnit XML. */

import type { CaseResult, TestSummary } from './testSummary';

/**
 * The summary as JUnit XML, which CI systems read. It is valid by the schemas of Jenkins
 * (https://github.com/jenkinsci/xunit-plugin) and of Ant (https://github.com/windyroad/JUnit-Schema).
 *
 * @param began when the first case began
 */
export function junitReport({ Total, Failed, Script, Results, Time }: TestSummary, began: Date): string {
  const errors = Results.filter(({ Error }) => Error !== undefined).length;
  const cases = Results.map((one) => {
    const head = `    <testcase name="${escape(one.Name)}" classname="${escape(Script)}" time="${seconds(one.Time)}"`;
    const told = failure(one);
    if (told === undefined) return `${head}/>`;
    const kind = one.Error === undefined ? 'failure' : 'error';
    const message = escape(told.split('\n')[0] ?? '');
    return `${head}>\n      <${kind} type="${kind}" message="${message}">${escape(told)}</${kind}>\n    </testcase>`;
  });
  const counts = `tests="${Total}" failures="${Failed - errors}" errors="${errors}"`;
  const times = `time="${seconds(Time)}" timestamp="${began.toISOString().slice(0, 19)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite id="0" package="" name="Stream Analytics" ${counts} ${times} hostname="localhost">`,
    '    <properties/>',
    ...cases,
    '    <system-out/>',
    '    <system-err/>',
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** Why a case failed; undefined when it passed. */
export function failure(one: CaseResult): string | undefined {
  if (one.Status === 0) return undefined;
  return [
    ...(one.Error === undefined ? [] : [one.Error]),
    ...(one.Differences ?? []),
    ...one.OutputMissing.map(({ OutputAlias }) => `the query has no output '${OutputAlias}'`),
    ...one.OutputUnexpected.map(
      ({ OutputAlias }) => `the output '${OutputAlias}' has rows and is not expected`,
    ),
  ].join('\n');
}

function seconds(timeSpan: string): string {
  const [hours = 0, minutes = 0, rest = 0] = timeSpan.split(':').map(Number);
  return (hours * 3_600 + minutes * 60 + rest).toFixed(3);
}

/** Characters that XML 1.0 does not allow are left out. */
const escape = (text: string): string =>
  text
    // eslint-disable-next-line no-control-regex -- XML excludes these
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[\t\n\r]/g, (one) => `&#${one.charCodeAt(0)};`);
