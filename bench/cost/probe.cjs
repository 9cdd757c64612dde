'use strict';
/**
 * Loaded into the app's process before the app, by NODE_OPTIONS: tells on a local socket what the process has used, and
 * records profiles of it. Plain JavaScript on purpose, as the worker.
 */
const http = require('node:http');
const { Session } = require('node:inspector/promises');
const { PerformanceObserver } = require('node:perf_hooks');
const { setImmediate } = require('node:timers');

let gcMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMs += duration;
}).observe({ entryTypes: ['gc'] });

const session = new Session();
session.connect();

/** Also what has been collected since. */
const ALL_ALLOCATIONS = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };

const answers = {
  '/usage': async () => {
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system, gcMs };
  },
  /** after collections, so that what is left is what is held */
  '/memory': async () => {
    for (let i = 0; i < 4; i += 1) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    const { heapUsed, rss } = process.memoryUsage();
    return { heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 };
  },
  '/allocations/start': () => session.post('HeapProfiler.startSampling', ALL_ALLOCATIONS),
  '/allocations/stop': async () => {
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return { bytes: profile.samples.reduce((sum, { size }) => sum + size, 0) };
  },
  '/profile/start': async () => {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 200 });
    await session.post('Profiler.start');
  },
  '/profile/stop': async () => (await session.post('Profiler.stop')).profile,
};

// Only the worker: NODE_OPTIONS reaches whatever it starts too.
if (process.env.BENCH_PROBE && process.send) {
  const server = http.createServer((request, response) => {
    answers[request.url]().then(
      (answer) => response.end(JSON.stringify(answer ?? {})),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(process.env.BENCH_PROBE).unref();
}
