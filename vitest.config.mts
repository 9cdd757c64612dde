import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Failures and a summary; `--reporter=verbose` lists every test.
    reporters: ['dot', './test/skippedPrograms.ts'],
    setupFiles: ['test/propertySeed.ts', 'test/openApi/everyResponse.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Each file starts servers of its own: two at a time is what a small machine runs without starving them.
    maxWorkers: 2,
    // A shared machine may stand still for seconds in the middle of a test: there a failure gets a second chance, and
    // the report says so. Not in tests that look for lost messages: one that is lost once is lost.
    retry: process.env.CI ? 1 : 0,
  },
});
