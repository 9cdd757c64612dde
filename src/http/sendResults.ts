import type { HttpResponseInit } from '@azure/functions';
import { Problem } from '../errorCodes';
import { json, problemDetails } from './response';

/** The result of one message; `problem` is undefined if the message was accepted. */
export interface SendResult {
  /** null if the message id in the request is invalid */
  messageId: string | null;
  problem: Problem | undefined;
}

/**
 * The response to a send: 201 if all messages were accepted, 207 if some were, otherwise the most frequent problem.
 * Batches have `results`. `Retry-After` is set if at least one message may be retried.
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

/** If two problems are equally frequent, the retryable one is returned, because a retry loses no message. */
function commonestOf(problems: readonly Problem[]): Problem | undefined {
  const counts = new Map<string, number>();
  for (const { code } of problems) counts.set(code, (counts.get(code) ?? 0) + 1);
  const weight = ({ code, isRetryable }: Problem): number =>
    (counts.get(code) ?? 0) + (isRetryable ? 0.5 : 0);
  return [...problems].sort((a, b) => weight(b) - weight(a))[0];
}
