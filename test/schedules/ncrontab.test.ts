import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSchedule, resolveSettingNames } from '../../src/schedules';
import { buildDotnetProgram } from '../oracles/dotnet';

const program = buildDotnetProgram('test/oracles/ncrontab');
const EXPRESSIONS = 2_000;
const OCCURRENCES = 10;

interface Question {
  expression: string;
  after: string;
}
interface Answer {
  kind: 'cron' | 'timespan' | 'none';
  next: string[];
}

/** Asks the library that the timer trigger uses (test/oracles/ncrontab). */
function ask(questions: readonly Question[]): Answer[] {
  const { status, stdout, stderr } = spawnSync('dotnet', [program ?? ''], {
    input: questions.map((question) => JSON.stringify(question)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`dotnet failed: ${stderr}${stdout}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

function ownAnswer({ expression, after }: Question): Omit<Answer, 'kind'> & { kind: 'cron' | 'other' } {
  const schedule = parseSchedule(expression);
  if (!schedule) return { kind: 'other', next: [] };
  const next: string[] = [];
  let time: Date | undefined = new Date(after);
  while (next.length < OCCURRENCES && (time = schedule.next(time))) next.push(time.toISOString());
  return { kind: 'cron', next };
}

const RANGES = [
  [0, 59],
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;
const NAMES = ['Monday', 'mon', 'M', 'SUNDAY', 'ja', 'July', 'ju', 'dec', 'Tues', 'x', 'Mondayy', 'sept'];

function field([least, most]: readonly [number, number]) {
  const value = fc.oneof(
    { weight: 40, arbitrary: fc.integer({ min: least, max: most }).map(String) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(String(least - 1), String(most + 1), '00', '007', '+1', '1.5', ''),
    },
    { weight: most <= 12 ? 6 : 1, arbitrary: fc.constantFrom(...NAMES) },
  );
  const base = fc.oneof(
    { weight: 6, arbitrary: fc.constant('*') },
    { weight: 6, arbitrary: value },
    { weight: 3, arbitrary: fc.tuple(value, value).map(([a, b]) => `${a}-${b}`) },
  );
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: most + 2 }).map(String) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('0', '-1', '+3', '', 'x', '1/2', '2147483647', '2147483648', '1-2'),
    },
  );
  const part = fc
    .tuple(base, fc.option(step, { freq: 3 }))
    .map(([text, every]) => (every === null ? text : `${text}/${every}`));
  return fc.oneof(
    { weight: 10, arbitrary: part },
    { weight: 3, arbitrary: fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join(',')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '?',
        'L',
        'W',
        '#',
        '7',
        '**',
        '*-5',
        ',1',
        '1,',
        '/5',
        '5\t',
        '-5',
        '1-2-3',
      ),
    },
  );
}

const expression = fc
  .tuple(
    fc.tuple(...RANGES.map(field)),
    fc.constantFrom(...Array<number>(12).fill(6), 5, 5, 7, 4),
    fc.constantFrom(' ', ' ', ' ', '  ', '\t'),
  )
  .map(([fields, count, space]) => {
    const wanted = count === 5 ? fields.slice(1) : count === 7 ? [...fields, '*'] : fields.slice(0, count);
    return wanted.join(space);
  });
const after = fc
  .date({ min: new Date('2020-01-01T00:00:00Z'), max: new Date('2032-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** From the issue tracker of the trigger and the documentation of Azure Functions, and what other cron libraries take. */
const KNOWN = [
  ...[
    '0 0/5 * * * *',
    '0 0 8 * * Monday',
    '0 */5 * * * *',
    '0 30 9 * Jan Mon',
    '0 0 9-17 * * *',
    '0 5,8,10 * * * *',
  ],
  ...[
    '0 0 3 * * 7',
    '0 0 0 L * *',
    '0 0 0 ? * 2',
    '0 0 25 * * *',
    'a b c d e f',
    '0 0 0 29 2 *',
    '0 0 0 29 2 1',
  ],
  ...[
    '0 0 0 31 2 *',
    '0 0 0 30 2 1',
    '59 59 23 31 12 *',
    '* * * * *',
    '*/5 * * * *',
    '0 * * * *',
    '00:05:00',
  ],
  ...[
    '1.00:00:00',
    '5',
    '24:00:00',
    '',
    ' ',
    '@daily',
    '0 0 1 1 *',
    '1 2 3 4 5 6 7',
    '10-5 * * * * *',
    '5/10 * * * * *',
  ],
  ...[
    '0 0 0 15,31 * *',
    '30 30 12 31 4,6,9,11 *',
    '*/2147483647 * * * * *',
    '5/2147483647 * * * * *',
    '0 0 0 1 1 0',
  ],
  ...['mon\u200b', '\ufeffmon', 'm\u00adon', 'mon\u200d-fri', '\u200b', 'mon\0', 'mon\u00a0', '\uff4don'].map(
    (weekday) => `0 0 8 * * ${weekday}`,
  ),
  ...['\u200b5', '5\u200b', '1\u00a0', '\u0661', '1\u2009', '0x5', '1e1', '-0', '+0'].map(
    (minute) => `0 ${minute} 8 * * *`,
  ),
];

describe.skipIf(program === undefined)('schedules as NCrontab reads them', { tags: 'full' }, () => {
  test(`the verdict and the next ${OCCURRENCES} times are the same for ${EXPRESSIONS} expressions`, () => {
    const questions: Question[] = [
      ...KNOWN.map((known) => ({ expression: known, after: '2026-11-26T10:20:30.000Z' })),
      ...fc.sample(fc.record({ expression, after }), { numRuns: EXPRESSIONS }),
    ];
    const answers = ask(questions);
    expect(answers).toHaveLength(questions.length);
    const counts = { cron: 0, timespan: 0, none: 0 };
    for (const [i, { kind, next }] of answers.entries()) {
      counts[kind] += 1;
      const question = questions[i] ?? { expression: '', after: '' };
      expect([question, ownAnswer(question)]).toEqual([
        question,
        { kind: kind === 'cron' ? kind : 'other', next },
      ]);
    }
    // Otherwise the expressions were not what they were meant to be.
    expect(counts.cron).toBeGreaterThan(EXPRESSIONS / 8);
    expect(counts.none).toBeGreaterThan(EXPRESSIONS / 10);
  });
});

describe('schedules', () => {
  test.each(['0 0/5 * * * *', '0 0 8 * * Monday', '0 */4 * * * *', '*/5 * * * *'])('%j is one', (text) => {
    expect(parseSchedule(text)).toBeDefined();
  });

  test.each([
    '0 0 3 * * 7',
    '0 0 0 L * *',
    '0 0 0 ? * 2',
    '0 0 25 * * *',
    'a b c d e f',
    '00:05:00',
    '',
    '* * * *',
  ])('%j is none', (text) => {
    expect(parseSchedule(text)).toBeUndefined();
  });

  test('a date that never comes has no next time', () => {
    expect(parseSchedule('0 0 0 30 2 *')?.next(new Date())).toBeUndefined();
    expect(parseSchedule('0 0 0 29 2 1')?.next(new Date('2026-01-01T00:00:00Z'))?.toISOString()).toBe(
      '2044-02-29T00:00:00.000Z',
    );
  });

  test('%NAME% stands for another setting', () => {
    const settings = { Minutes: '*/4', EMPTY: '' };
    expect(resolveSettingNames('0 %minutes% * * * *', settings)).toBe('0 */4 * * * *');
    expect(resolveSettingNames('%Minutes%%EMPTY%', settings)).toBe('*/4');
    for (const wrong of ['%ABSENT%', '%Minutes', '%']) {
      expect(resolveSettingNames(wrong, settings)).toBeUndefined();
    }
  });
});
