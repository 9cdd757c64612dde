/** The thread that judges queries. */

import { parentPort } from 'node:worker_threads';
import { createEngine } from '../engine';
import { DEFAULT_TIME_POLICY } from '../timePolicy';
import { stubScripts } from '../functions';
import { QueryError, translate } from '../query';
import type { Verdict } from './verdict';

/** Refusals of what Stream Analytics has, or of what its documentation leaves open. */
const UNCOVERED =
  / (?:is|are) not supported by this runner$|in double quotes could be a name|^a query in FROM needs a name|^APPLY takes |^GetMetadataPropertyValue: IoT Hub events have no property/;

/** The text of an error, without the words that it quotes from the query. */
const withoutQuotes = (message: string): string =>
  message.startsWith('the function ') || message.startsWith('The type ')
    ? message.replace(/:.*/s, '')
    : message.replaceAll(/'[^']*'|"[^"]*"|\[[^\]]*\]/g, '…').replace(/(DATEDIFF|front) ?\(.*/s, '$1');

async function judge(query: string): Promise<Verdict> {
  try {
    const plan = translate(query);
    (await createEngine(plan, DEFAULT_TIME_POLICY, stubScripts(plan.functions))).close();
    return { verdict: 'runs' };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const { message } = error;
    return { verdict: UNCOVERED.test(message) ? 'uncovered' : 'invalid', reason: withoutQuotes(message) };
  }
}

parentPort?.on('message', (query: string) => {
  void judge(query).then((verdict) => parentPort?.postMessage(verdict));
});
