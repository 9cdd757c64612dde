/** Shows the progress of a run. */

import { clearInterval, setInterval } from 'node:timers';

const REDRAW_MS = 200;
const BAR_WIDTH = 30;
const CLEAR_LINE = '\r\u001B[2K';

/** The setting with which DuckDB measures the progress of a statement. */
export const PROGRESS_SETTINGS = ['SET enable_progress_bar = true', 'SET enable_progress_bar_print = false'];

interface Running {
  /** of the statement that runs, 0 to 100; below 0 where there is none */
  readonly progress: { percentage: number };
}

export interface Progress {
  /** sets the name of the current phase */
  phase: (name: string) => void;
  stop: () => void;
}

/** A bar on a terminal; nothing where standard error is a file or a pipe. */
export function showProgress(connection: Running, terminal: NodeJS.WriteStream = process.stderr): Progress {
  if (!terminal.isTTY) return { phase: () => undefined, stop: () => undefined };
  let name = '';
  const draw = (): void => {
    const { percentage } = connection.progress;
    const share = Math.min(100, Math.max(0, percentage));
    const full = Math.round((share / 100) * BAR_WIDTH);
    terminal.write(
      `${CLEAR_LINE}${name} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.floor(share)}%`,
    );
  };
  const timer = setInterval(draw, REDRAW_MS).unref();
  return {
    phase: (next) => {
      name = next;
      draw();
    },
    stop: () => {
      clearInterval(timer);
      terminal.write(CLEAR_LINE);
    },
  };
}
