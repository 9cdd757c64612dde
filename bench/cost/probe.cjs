/**
 * Loaded into the app's process before the app, through NODE_OPTIONS. It reports the resource use of the process on a
 * local socket, and records profiles. It is plain JavaScript on purpose, like the worker.
 */
'use strict';
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

/** Includes objects that have been collected since. */
const ALL_ALLOCATIONS = { includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true };

const answers = {
  '/usage': async () => {
    const { user, system } = process.cpuUsage();
    return { cpuUs: user + system, gcMs };
  },
  /** after garbage collections, so that only live objects are left */
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

// Only in the worker, because NODE_OPTIONS also applies to its child processes.
if (process.env.BENCH_PROBE && process.send) {
  const server = http.createServer((request, response) => {
    answers[request.url]().then(
      (answer) => response.end(JSON.stringify(answer ?? {})),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(process.env.BENCH_PROBE).unref();
}
