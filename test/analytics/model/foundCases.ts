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
      '{"e":18500,"k":"b","v":2}',
      '{"e":20000,"k":"a","v":4}',
      '{"e":23000,"k":"a","v":3}',
      '{"e":24000,"k":"a","v":1}',
      '{"e":28000,"k":"a","v":2}',
      '{"e":35000,"k":"a","v":2}',
      '{"e":37000,"k":"a","v":4}',
      '{"e":39000,"k":"a","v":3}',
      '{"e":41000,"k":"a","v":2}',
      '{"e":43000,"k":"a","v":1}',
      '{"e":45000,"k":"a","v":2}',
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
    rows: ['{"e":23000,"k":"a","v":1}', '{"e":24500,"k":"b","v":1}', '{"e":26000,"k":"a","v":1}'],
  },
};
