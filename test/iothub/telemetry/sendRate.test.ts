import { expect, test } from 'vitest';
import { type SendRate, createSendRate } from '../../../src/iothub/telemetry/sendRate';

/** A hub that accepts so many operations per second, and as many at once after a pause. */
function hubOf(perSecond: number): { accepts: (time: number) => boolean } {
  let tokens = perSecond;
  let at = 0;
  return {
    accepts: (time) => {
      tokens = Math.min(perSecond, tokens + ((time - at) * perSecond) / 1_000);
      at = time;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

/**
 * Senders that each start their next operation as soon as the last one has ended, as busy gateways do.
 *
 * @returns per second: operations that the hub accepted and throttled
 */
function simulate(instances: number, senders: number, latencyMs: number, hubRates: readonly number[]) {
  let time = 0;
  const clocks = Array.from({ length: instances }, () => createSendRate(() => time));
  const events: { at: number; run: () => void }[] = [];
  const schedule = (at: number, run: () => void): void => {
    events.push({ at, run });
  };
  let hub = hubOf(hubRates[0] ?? 0);
  const seconds = hubRates.map(() => ({ accepted: 0, throttled: 0 }));
  const send = (rate: SendRate): void => {
    schedule(time + rate.take(), () => {
      const accepted = hub.accepts(time);
      const second = seconds[Math.floor(time / 1_000)];
      if (second) second[accepted ? 'accepted' : 'throttled'] += 1;
      schedule(time + latencyMs, () => {
        if (accepted) rate.accepted();
        else rate.throttled();
        send(rate);
      });
    });
  };
  for (const rate of clocks) for (let n = 0; n < senders; n += 1) send(rate);
  let second = 0;
  for (;;) {
    const next = events.reduce((first, event) => (event.at < first.at ? event : first));
    events.splice(events.indexOf(next), 1);
    time = Math.max(time, next.at);
    if (time >= hubRates.length * 1_000) return seconds;
    if (Math.floor(time / 1_000) > second) {
      const before = hubRates[second];
      second = Math.floor(time / 1_000);
      const hubRate = hubRates[second] ?? 0;
      if (hubRate !== before) hub = hubOf(hubRate);
    }
    next.run();
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

test('nothing waits while the hub throttles nothing', () => {
  const rate = createSendRate(() => 0);
  expect(Array.from({ length: 1_000 }, () => rate.take())).toEqual(Array(1_000).fill(0));
});

test.each([
  ['one instance at an S1 hub', 1, 100],
  ['four instances at an S1 hub', 4, 100],
  ['one instance at a small share', 1, 30],
])('%s uses most of what the hub accepts, and is seldom throttled', (_, instances, hubRate) => {
  const seconds = simulate(instances, 16, 20, Array<number>(60).fill(hubRate)).slice(5);
  const accepted = sum(seconds.map((second) => second.accepted)) / seconds.length;
  const throttled = sum(seconds.map((second) => second.throttled)) / seconds.length;
  expect(accepted).toBeGreaterThan(0.7 * hubRate);
  expect(accepted + throttled).toBeLessThan(1.05 * hubRate);
  expect(throttled).toBeLessThan(0.1 * hubRate);
});

test('when the hub accepts more, the rate grows, and in the end there is no limit', () => {
  const rates = [...Array<number>(20).fill(50), ...Array<number>(100).fill(100_000)];
  const seconds = simulate(1, 16, 20, rates);
  expect(seconds[50]?.accepted).toBeGreaterThan(300);
  expect(seconds.at(-1)?.accepted).toBe(800);
});

test('a hub that throttles all is asked 25 times a second', () => {
  const seconds = simulate(1, 16, 20, Array<number>(20).fill(0));
  expect(seconds.slice(5).map(({ throttled }) => throttled)).toEqual(Array(15).fill(25));
});
