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
  /** Begins a phase. */
  phase: (name: string) => void;
  /** Begins a part of the phase, which takes its share from `done` to `next`. Both are from 0 to 1. */
  part: (done: number, next: number) => void;
  stop: () => void;
}

/** A bar on a terminal; nothing where standard error is a file or a pipe. */
export function showProgress(connection: Running, terminal: NodeJS.WriteStream = process.stderr): Progress {
  if (!terminal.isTTY) return { phase: () => undefined, part: () => undefined, stop: () => undefined };
  let name = '';
  let current = { done: 0, next: 1 };
  let shown = 0;
  const draw = (): void => {
    const { done, next } = current;
    const ofStatement = Math.min(100, Math.max(0, connection.progress.percentage)) / 100;
    // A part runs several statements, and the bar does not go back when the next one begins.
    shown = Math.max(shown, done + (next - done) * ofStatement);
    const full = Math.round(shown * BAR_WIDTH);
    terminal.write(
      `${CLEAR_LINE}${name} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.floor(shown * 100)}%`,
    );
  };
  const timer = setInterval(draw, REDRAW_MS).unref();
  return {
    phase: (next) => {
      name = next;
      current = { done: 0, next: 1 };
      shown = 0;
      draw();
    },
    part: (done, next) => {
      current = { done, next };
      shown = Math.max(shown, done);
    },
    stop: () => {
      clearInterval(timer);
      terminal.write(CLEAR_LINE);
    },
  };
}
