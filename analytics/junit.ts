/** Writes test results as JUnit XML. */

import type { CaseResult, TestSummary } from './testSummary';

/** The summary as JUnit XML, which CI systems read. */
export function junitReport({ Total, Failed, Script, Results, Time }: TestSummary): string {
  const cases = Results.map((one) => {
    const head = `    <testcase name="${escape(one.Name)}" classname="${escape(Script)}" time="${seconds(one.Time)}"`;
    const told = failure(one);
    return told === undefined
      ? `${head}/>`
      : `${head}>\n      <failure message="${escape(told.split('\n')[0] ?? '')}">${escape(told)}</failure>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${Total}" failures="${Failed}" time="${seconds(Time)}">`,
    `  <testsuite name="Stream Analytics" tests="${Total}" failures="${Failed}" time="${seconds(Time)}">`,
    ...cases,
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
    .replaceAll('\n', '&#10;');
