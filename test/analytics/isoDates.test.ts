import { expect, test } from 'vitest';
import { event, useEngines } from './engineRun';

const start = useEngines();

/** Texts of events, with their times in UTC by ISO 8601. Those with a fraction have at most 6 of its digits. */
const DATES: readonly (readonly [string, string])[] = [
  ['2026-01-02T09:30:00Z', '2026-01-02T09:30:00'],
  ['2026-01-02t09:30:00z', '2026-01-02T09:30:00'],
  ['2026-01-02t09:30:00', '2026-01-02T09:30:00'],
  ['2026-01-02 09:30:00', '2026-01-02T09:30:00'],
  ['2026-01-02T09:30:00.1234567Z', '2026-01-02T09:30:00.123456'],
  ['2026-01-02T09:30:00.1234567+09:00', '2026-01-02T00:30:00.123456'],
  ['2026-01-02t09:30:00.5+0900', '2026-01-02T00:30:00.5'],
  ['2026-01-02T09:30:00-08', '2026-01-02T17:30:00'],
  ['2026-01-02 09:30:00 +09:00', '2026-01-02T00:30:00'],
  ['2026-01-02 09:30:00 -0800', '2026-01-02T17:30:00'],
  ['2026-01-02T09:30:00,25Z', '2026-01-02T09:30:00.25'],
  ['2026-01-02T9:30:00Z', '2026-01-02T09:30:00'],
  ['2026-01-02T09:30Z', '2026-01-02T09:30:00'],
  ['2026-01-02T09:30', '2026-01-02T09:30:00'],
  ['2026-01-02T09Z', '2026-01-02T09:00:00'],
  ['2026-01-02T09+01:00', '2026-01-02T08:00:00'],
  ['2026-01-02T24:00:00Z', '2026-01-03T00:00:00'],
  ['2026-01-02t24:00:00.000+09:00', '2026-01-02T15:00:00'],
  ['2026-01-02', '2026-01-02T00:00:00'],
  ['20260102T093000Z', '2026-01-02T09:30:00'],
  ['20260102T093000.5+0900', '2026-01-02T00:30:00.5'],
  ['20260102T0930', '2026-01-02T09:30:00'],
  ['2026-01', '2026-01-01T00:00:00'],
  ['2024-02', '2024-02-01T00:00:00'],
  ['2020-W53-1', '2020-12-28T00:00:00'],
  ['2026-01-02T09:30:00+23:59', '2026-01-01T09:31:00'],
  ['2026-W01-5', '2026-01-02T00:00:00'],
  ['2026-W01', '2025-12-29T00:00:00'],
  ['2026W015T093000Z', '2026-01-02T09:30:00'],
  ['2026-002', '2026-01-02T00:00:00'],
  ['2026002T09:30Z', '2026-01-02T09:30:00'],
  ['2024-366', '2024-12-31T00:00:00'],
  [' 2026-01-02t09:30:00z ', '2026-01-02T09:30:00'],
];

const NO_DATES = [
  ...['2026-02-30', '2026-02-30t10:00:00z', '2026-13-01T10:00:00Z', '2026-366', '2026-W60-1', '2026-W01-8'],
  ...['2026-01-02T24:00:01Z', '2026-01-02T25:00:00Z', '2026-01-02T09:60:00Z', '2026-01-02T', '2026-13'],
  ...[
    '2021-W53-1',
    '2021W53',
    '2026-W00-1',
    '2026-01-02T09:30:00.Z',
    '2026-01-02T09:30:00.',
    '2026-01-02T09:30:00,Z',
  ],
  ...['+24:00', '+99:00', '+00:60', '-2400', '+99', ' +24:00'].map(
    (offset) => `2026-01-02T09:30:00${offset}`,
  ),
  ...[
    '2026-01-02T09:30:60Z',
    '2026-01-02T 9:30:00Z',
    '2026-01-02T09:30:0.Z',
    '2025-366',
    '2026-00',
    '0000-12',
  ],
  ...[
    '9999-12-31T24:00:00Z',
    '0000-01-01',
    '2026-01-02T09:30:00Zulu',
    '20260102',
    '2026002',
    '2026',
    'today',
    '',
  ],
];

const QUERY = `SELECT TRY_CAST(s AS datetime) AS cast, DATEADD(second, 0, s) AS added,
  CASE WHEN DATEADD(second, 0, s) = s THEN 1 END AS compared FROM i`;

test('the forms of ISO 8601 are dates', async () => {
  const { process } = await start(QUERY);
  const rows = await process(...DATES.map(([s]) => event(1, 1, { s })));
  const expected = DATES.map(([, time]) => {
    const [whole = '', fraction = ''] = time.split('.');
    return `${whole}.${fraction.padEnd(7, '0')}Z`;
  });
  expect(rows.map((row, i) => [DATES[i]?.[0], row])).toEqual(
    expected.map((time, i) => [DATES[i]?.[0], `${time} ${time} 1`]),
  );
});

test('other texts are no dates, and give null', async () => {
  const { process } = await start(QUERY);
  const rows = await process(...NO_DATES.map((s) => event(1, 1, { s })));
  expect(NO_DATES.filter((_, i) => rows[i] !== '  ')).toEqual([]);
});

test('each form of a date can be the time of an event', async () => {
  const { process } = await start('SELECT System.Timestamp() AS t, s FROM i TIMESTAMP BY s', {
    eventsLateArrivalMaxDelayInSeconds: 1_000_000_000,
    eventsOutOfOrderMaxDelayInSeconds: 1_000_000_000,
  });
  const rows = await process(...DATES.map(([s], i) => event(200_000 + i, 0, { s })));
  expect(rows.map((row) => row.slice(0, 19)).sort()).toEqual(
    DATES.map(([, time]) => time.slice(0, 19)).sort(),
  );
});

test('DATETIMEFROMPARTS takes only parts of a datetime', async () => {
  const { process } = await start('SELECT DATETIMEFROMPARTS(y, m, d, h, n, 59, 999) AS t FROM i');
  const parts = [
    [2024, 2, 29, 23, 59],
    [9999, 12, 31, 0, 0],
    ...[
      [2023, 2, 29, 0, 0],
      [2023, 1, 1, 24, 0],
      [2023, 1, 1, 0, 60],
      [2023, 13, 1, 0, 0],
      [0, 1, 1, 0, 0],
      [2023, 0, 1, 0, 0],
    ],
  ];
  const rows = await process(...parts.map(([y, m, d, h, n]) => event(1, 1, { y, m, d, h, n })));
  expect(rows).toEqual([
    '2024-02-29T23:59:59.9990000Z',
    '9999-12-31T00:00:59.9990000Z',
    ...Array.from({ length: 6 }, () => ''),
  ]);
});
