import { defineConfig } from 'vitest/config';
import LongestFirst from './test/longestFirst.mjs';

/** They look at what their whole process holds, or replace parts of it, so each runs in a process of its own. */
const ALONE = [
  'test/iothub/eventHub/*.test.ts',
  'test/iothub/feed/{deadlines,lossless,recovery,truth}.test.ts',
  'test/iothub/telemetry/senders.test.ts',
  'test/local/bundle.test.ts',
];

export default defineConfig({
  test: {
    tags: [
      {
        name: 'full',
        description:
          'Runs only with npm run test:full: another client, program or mode for a behaviour that npm test has shown, or a scenario that takes seconds of CPU time.',
      },
    ],
    // Failures and a summary; `--reporter=verbose` lists every test.
    reporters: ['dot', './test/skippedTests.ts'],
    setupFiles: ['test/propertySeed.ts', 'test/openApi/everyResponse.ts'],
    // Events are awaited: a timeout ends only what hangs, also on a busy machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Many files wait for deadlines and for other processes, so two cores run four of them.
    maxWorkers: 4,
    // Concurrent tests of a file wait, too: none of them waits for another one to end.
    maxConcurrency: 10,
    sequence: { sequencer: LongestFirst },
    // No test says how fast a machine must be: what is awaited may take nearly the whole time of a test.
    expect: { poll: { timeout: 50_000, interval: 20 } },
    // A shared machine may stand still for seconds in the middle of a test: there a failure gets a second chance, and
    // the report says so. Not in tests that look for lost messages: one that is lost once is lost.
    retry: process.env.CI ? 1 : 0,
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE } },
      // A worker loads the modules once for all its files.
      {
        extends: true,
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ALONE, isolate: false },
      },
    ],
  },
});
