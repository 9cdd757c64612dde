import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Each file starts servers of its own: two at a time is what a small machine runs without starving them.
    maxWorkers: 2,
  },
});
