import fc from 'fast-check';

const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
/** Taken modulo how many partitions there are. */
const partition = fc.nat({ max: 31 });
const subset = fc.option(fc.uniqueArray(partition, { minLength: 1, maxLength: 8 }), { nil: undefined });
const faultToArm = fc.oneof(
  fc.record({ kind: fc.constantFrom('closeConnections', 'resetConnections', 'detachLinks') }),
  fc.record({ kind: fc.constant('serverBusy'), times: fc.constant(1) }),
  fc.record({
    kind: fc.constant('attachError'),
    times: fc.integer({ min: 1, max: 3 }),
    condition: fc.constantFrom(
      'amqp:internal-error',
      'amqp:link:stolen',
      'amqp:resource-limit-exceeded',
      'com.microsoft:server-busy',
    ),
  }),
);
const fault = fc.record({ do: fc.constant('fault' as const), fault: faultToArm });
const expire = fc.record({ do: fc.constant('expire' as const), partition, keep: fc.nat({ max: 10 }) });
const send = fc.record({
  do: fc.constant('send' as const),
  partition,
  count: fc.integer({ min: 1, max: 40 }),
});
const step = fc.oneof(
  weighted(5, send),
  weighted(1, expire),
  weighted(
    1,
    fc.record({ do: fc.constant('jump' as const), partition, by: fc.integer({ min: 1, max: 1_000_000 }) }),
  ),
  weighted(1, fault),
  weighted(1, fc.record({ do: fc.constant('restart' as const) })),
  weighted(
    1,
    fc.record({
      do: fc.constant('recreate' as const),
      partitions: fc.integer({ min: 1, max: 6 }),
      seed: fc.nat({ max: 60 }),
    }),
  ),
  weighted(1, fc.record({ do: fc.constant('wait' as const), send: fc.option(send, { nil: undefined }) })),
  weighted(
    5,
    fc.record({
      do: fc.constant('poll' as const),
      limit: fc.integer({ min: 1, max: 60 }),
      only: subset,
      /** what happens while the poll is under way, after so many turns of the event loop */
      meanwhile: fc.oneof(
        weighted(4, fc.constant(undefined)),
        weighted(1, fc.record({ turns: fc.nat({ max: 60 }), what: fc.oneof(expire, fault) })),
      ),
    }),
  ),
);
/** A random history: what happens to a hub, and when its feed is polled. */
export const history = fc.record({
  partitions: fc.oneof(
    weighted(12, fc.integer({ min: 1, max: 5 })),
    weighted(1, fc.integer({ min: 6, max: 32 })),
  ),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
});

export type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** The hub is busy for longer than a poll tries again: rare among random ones. */
export const busyForLong: History = {
  partitions: 1,
  steps: [
    ...Array.from({ length: 3 }, () => ({
      do: 'fault' as const,
      fault: { kind: 'serverBusy' as const, times: 1 as const },
    })),
    { do: 'poll', limit: 1, only: undefined, meanwhile: undefined },
  ],
};

/** Retention takes all of a partition that the reader has not read: rare among random ones. */
export const emptied: History = {
  partitions: 2,
  steps: [
    { do: 'send', partition: 0, count: 5 },
    { do: 'poll', limit: 60, only: undefined, meanwhile: undefined },
    { do: 'send', partition: 0, count: 3 },
    { do: 'expire', partition: 0, keep: 0 },
    { do: 'poll', limit: 60, only: undefined, meanwhile: undefined },
  ],
};
