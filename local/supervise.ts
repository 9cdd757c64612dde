import type { Child } from './childProcess';
import type { Running } from './lifecycle';

/** A process that ends this often within this time is not restarted, because a restart does not seem to help. */
const MAX_ENDS = 5;
const ENDS_WITHIN_MS = 60_000;
const RESTART_DELAY_MS = 500;

interface Supervision {
  /** its name in messages, such as `the product database` */
  name: string;
  start: () => Child;
  /** full sentences about what is lost when it ends, and what happens then */
  consequence: string;
  log: (line: string) => void;
  /** called when it is running again */
  onRestart?: () => void;
}

export interface Supervised extends Running {
  /** resolves with the result of `ready` of the first process @throws Error if it fails to start */
  ready: Promise<string>;
}

/**
 * Keeps a child process running. If it ends, the end and the loss are logged, and it is restarted. A process that
 * fails at its first start is not restarted, because its own error gives the reason.
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
      log(`${name} ended ${MAX_ENDS} times within a minute and is not restarted. The other parts continue.`);
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
