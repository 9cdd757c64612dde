import type { HttpResponseInit } from '@azure/functions';
import { Problem } from '../problems';
import { json, problemDetails } from './response';

/** What became of one message of several; nothing is wrong when it was accepted. */
export interface SendResult {
  /** null where the client's own was not a valid one */
  messageId: string | null;
  problem: Problem | undefined;
}

/**
 * The answer about messages: 201 when all were accepted, 207 with a verdict on each when some were, and otherwise the
 * problem that struck most of them, with the verdicts where the request was for several. `Retry-After` says when to send those again that may be.
 */
export function sendResultsResponse(
  deviceId: string,
  sent: readonly SendResult[],
  isBatch: boolean,
): HttpResponseInit {
  const accepted = sent.filter(({ problem }) => problem === undefined).length;
  const results = sent.map(({ messageId, problem }) => ({
    messageId,
    ...(problem
      ? { status: problem.isRetryable ? 'retry' : 'rejected', code: problem.code, detail: problem.message }
      : { status: 'accepted' }),
  }));
  const problems = sent.flatMap(({ problem }) => problem ?? []);
  const [first] = problems;
  const body = { Data: `${accepted} message(s) from ${deviceId} sent successfully`, results };
  if (!first) return json(201, body);
  const retryAfter = Math.max(...problems.map(({ retryAfterSeconds }) => retryAfterSeconds ?? 0));
  if (accepted > 0) return json(207, body, retryAfter > 0 ? { 'Retry-After': String(retryAfter) } : {});
  const commonest = commonestOf(problems) ?? first;
  const all = new Problem(commonest.code, commonest.message, retryAfter > 0 ? retryAfter : undefined);
  return problemDetails(all, {}, isBatch ? { results } : {});
}

/** Of two that are as common, the one that may pass: a client that tries again loses nothing. */
function commonestOf(problems: readonly Problem[]): Problem | undefined {
  const counts = new Map<string, number>();
  for (const { code } of problems) counts.set(code, (counts.get(code) ?? 0) + 1);
  const weight = ({ code, isRetryable }: Problem): number =>
    (counts.get(code) ?? 0) + (isRetryable ? 0.5 : 0);
  return [...problems].sort((a, b) => weight(b) - weight(a))[0];
}
