/** Shows whether the figures are current: starting, empty, live, paused, stale, stopped or reconnecting. */

import type { View } from '../view';
import { codeParts, make, part, write, writeParts } from './elements';
import { duration, sentence } from './format';

/** The server sends a view every half second, or every three seconds while it is busy. */
const STALE_MS = 10_000;
const TICK_MS = 250;

const CHECK_TERMINAL =
  'check the terminal where `npm start` is running. If you see an error there, press `Ctrl+C` and run `npm start` again.';
/** In the reason of a stopped job, from the operating system's ENOSPC. */
const FULL_DISK = /no space left/i;

type State = 'connecting' | 'reconnecting' | 'stale' | 'stopped' | 'starting' | 'paused' | 'empty' | 'live';

export interface Status {
  onView: (view: View) => void;
  onConnected: (connected: boolean, retryAt: number) => void;
  onPaused: (paused: boolean) => void;
}

export function createStatus(): Status {
  let view: View | undefined;
  let viewAt = Date.now();
  let connected: boolean | undefined;
  let retryAt = 0;
  let paused = false;

  const stateNow = (): State => {
    if (connected === false) return 'reconnecting';
    if (!view) return 'connecting';
    if (view.job.status === 'stopped') return 'stopped';
    if (!paused && Date.now() - viewAt > STALE_MS) return 'stale';
    if (view.job.status === 'waiting') return 'starting';
    if (paused) return 'paused';
    return view.counts.events === 0 ? 'empty' : 'live';
  };

  const show = (): void => {
    const state = stateNow();
    document.body.dataset.state = state;
    write(part('status'), statusText(state, retryAt, viewAt));
    const notice = noticeParts(state, view);
    part('notice').hidden = notice.length === 0;
    writeParts(part('notice'), notice);
    const isEmpty = (state === 'empty' || state === 'starting') && view !== undefined;
    part('empty').hidden = !isEmpty;
    if (!isEmpty) return;
    const hasRows = view?.pipeline.oldest !== null;
    const [title, text] = emptyTexts(state, hasRows);
    part('empty-action').hidden = state === 'starting' || hasRows;
    write(part('empty-title'), title);
    writeParts(part('empty-text'), codeParts(text));
  };
  setInterval(show, TICK_MS);

  return {
    onView: (newest) => {
      view = newest;
      viewAt = Date.now();
      show();
    },
    onConnected: (isConnected, nextAttempt) => {
      connected = isConnected;
      retryAt = nextAttempt;
      if (isConnected) viewAt = Date.now();
      show();
    },
    onPaused: (isPaused) => {
      paused = isPaused;
      viewAt = Date.now();
      show();
    },
  };
}

function statusText(state: State, retryAt: number, viewAt: number): string {
  if (state === 'reconnecting') {
    const seconds = Math.ceil((retryAt - Date.now()) / 1_000);
    return seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting …';
  }
  if (state === 'stale') return `No response for ${duration(Date.now() - viewAt)}`;
  const texts = {
    connecting: 'Connecting …',
    stopped: 'Stopped',
    starting: 'Starting',
    paused: 'Paused',
    empty: 'Live',
    live: 'Live',
  };
  return texts[state];
}

function noticeParts(state: State, view: View | undefined): (string | HTMLElement)[] {
  const problem = view?.job.problem;
  if (state === 'stopped')
    return [
      make('strong', 'The analytics job has stopped.'),
      ` Reason: ${sentence(problem ?? 'unknown')} These figures no longer change.`,
      ...codeParts(
        ` ${FULL_DISK.test(problem ?? '') ? 'Free some disk space' : 'Fix the cause'}, then press \`Ctrl+C\` in the terminal where \`npm start\` is running, and run \`npm start\` again.`,
      ),
    ];
  if (state === 'stale')
    return codeParts(
      `The analytics job is not responding. These are its last figures. This page updates when it responds. If this lasts, ${CHECK_TERMINAL}`,
    );
  if (state === 'reconnecting')
    return codeParts(
      `No connection to the dashboard's server.${view ? ' These are the last figures received.' : ''} This page reconnects by itself. If this lasts, check the terminal where you ran \`npm start\`. If that command has ended, run it again.`,
    );
  return problem ? [sentence(problem)] : [];
}

/** @param hasRows whether the shop has had any event; sensors' messages are none */
function emptyTexts(state: State, hasRows: boolean): readonly [title: string, text: string] {
  if (state === 'starting')
    return [
      'Starting',
      `Loading the product list. This usually takes a few seconds. If it takes longer than a minute, ${CHECK_TERMINAL}`,
    ];
  if (hasRows) return ['No event matches the filters', 'Choose a longer time range, or clear the filters.'];
  return ['No events yet', 'Open a product in the shop. Your visit appears here within seconds.'];
}
