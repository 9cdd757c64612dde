/** Cases in which rows once differed from those of the model. */

import type { TimePolicy } from '../../../analytics/timePolicy';
import type { Arrived } from './rows';

export interface FoundCase {
  query: string;
  policy: TimePolicy;
  events: readonly Arrived[];
  /** sorted */
  rows: readonly string[];
}

type Short = [
  partition: number,
  number: number,
  element: number,
  arrived: number,
  s: number,
  k: string,
  v: number,
];

/** Events of the input `i`. */
const eventsOf = (all: readonly Short[]): Arrived[] =>
  all.map(([partition, number, element, arrived, s, k, v]) => ({
    ...{ input: 'i', partition, number, element, arrived, s, k, v },
  }));

const RESULT = "SELECT DATEDIFF(millisecond, '2026-01-01', System.Timestamp()) AS e, k, v";

export const FOUND: Record<string, FoundCase> = {
  'rows of one time are in one session': {
    query: `WITH s AS (SELECT k, COUNT(*) AS v FROM [i] TIMESTAMP BY t WHERE v > 1
        GROUP BY k, Windows(Window('x', SlidingWindow(second, 8)), Window('y', SlidingWindow(second, 4)))),
      t AS (SELECT k, COUNT(*) AS v FROM s GROUP BY k, SessionWindow(second, 1, 1)) ${RESULT} FROM t`,
    policy: {
      eventsLateArrivalMaxDelayInSeconds: 5,
      eventsOutOfOrderMaxDelayInSeconds: 2,
      eventsOutOfOrderPolicy: 'Adjust',
    },
    events: eventsOf([
      [0, 0, 0, 20, 19, 'a', 6],
      [0, 0, 1, 20, 19.5, 'a', 8],
      [1, 4, 0, 22, 22, 'a', 5],
      [2, 5, 0, 22.5, 15.5, 'b', 9],
      [1, 8, 0, 34.5, 36, 'a', 4],
      [1, 8, 1, 34.5, 28, 'a', 7],
      [1, 9, 0, 37, 38.5, 'a', 8],
      [1, 9, 1, 37, 34.5, 'a', 6],
    ]),
    rows: [
      '18500 b 2',
      '20000 a 4',
      '23000 a 3',
      '24000 a 1',
      '28000 a 2',
      '35000 a 2',
      '37000 a 4',
      '39000 a 3',
      '41000 a 2',
      '43000 a 1',
      '45000 a 2',
    ],
  },
  'a session holds rows of one partition of PARTITION BY': {
    query: `WITH s AS (SELECT MIN(k) AS k, COUNT(*) AS v FROM [i] TIMESTAMP BY t PARTITION BY k GROUP BY SessionWindow(second, 2, 5)) ${RESULT} FROM s`,
    policy: {
      eventsLateArrivalMaxDelayInSeconds: 5,
      eventsOutOfOrderMaxDelayInSeconds: 0,
      eventsOutOfOrderPolicy: 'Adjust',
    },
    events: eventsOf([
      [0, 0, 0, 21, 21, 'a', 1],
      [0, 1, 0, 22.5, 22.5, 'b', 1],
      [0, 2, 0, 24, 24, 'a', 1],
    ]),
    rows: ['23000 a 1', '24500 b 1', '26000 a 1'],
  },
};
