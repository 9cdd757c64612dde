import type { Child } from './childProcess';
import type { Running } from './lifecycle';

/** A process that ends this often within the time stays ended: something is wrong that a restart does not cure. */
const MAX_ENDS = 5;
const ENDS_WITHIN_MS = 60_000;
const RESTART_DELAY_MS = 500;

interface Supervision {
  /** as messages call it, `the product database` */
  name: string;
  start: () => Child;
  /** what its end costs, and what happens then: full sentences */
  consequence: string;
  log: (line: string) => void;
  /** called when it is there again */
  onRestart?: () => void;
}

export interface Supervised extends Running {
  /** settles with what the first process was waited for @throws Error when it fails to start */
  ready: Promise<string>;
}

/**
 * Keeps a child process running: when it ends, that and what is lost is logged, and it is started again. A process that
 * fails at its very first start is not: its own error says why.
 */
export function supervise({ name, start, consequence, log, onRestart }: Supervision): Supervised {
  let closing = false;
  let child = start();
  const { ready } = child;
  const ends: number[] = [];

  const isLasting = (): boolean => {
    const now = performance.now();
    ends.push(now);
    return ends.filter((end) => now - end < ENDS_WITHIN_MS).length < MAX_ENDS;
  };

  let hasStarted = false;
  async function watch(current: Child): Promise<void> {
    void current.ready.then(
      () => {
        if (hasStarted) {
          log(`${name} is running again`);
          onRestart?.();
        }
        hasStarted = true;
      },
      () => undefined,
    );
    const how = await current.ended;
    if (closing || (!hasStarted && how.startsWith('exit code'))) return;
    log(`${name} ended (${how}). ${consequence}`);
    if (!isLasting()) {
      log(`${name} ended ${MAX_ENDS} times within a minute and is not started again. The rest goes on.`);
      return;
    }
    setTimeout(() => {
      if (closing) return;
      child = start();
      void watch(child);
    }, RESTART_DELAY_MS);
  }
  void watch(child);

  return {
    ready,
    close: () => {
      closing = true;
      return child.close();
    },
  };
}
