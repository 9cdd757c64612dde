/** What the runner says to a query. */

import { QueryError, diagnostic, translate } from '../../analytics/query';

/** @returns `q:line:column: message`, or `accepted` */
export function refusal(query: string): string {
  try {
    translate(query);
  } catch (error) {
    if (error instanceof QueryError) return diagnostic('q', error);
    throw error;
  }
  return 'accepted';
}
