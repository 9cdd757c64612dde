import type { HttpRequest } from '@azure/functions';
import { Problem } from '../errorCodes';

/**
 * Rejects parameters that the Functions host would make ambiguous. The host treats names that differ only in case as
 * one name with the last spelling, and joins the values of a repeated name. So a misspelled cursor would be ignored.
 *
 * @param known names of the parameters that the function reads
 * @throws {Problem} `invalid_query`, naming the parameter
 */
export function requireQueryNames({ url, query }: HttpRequest, known: readonly string[]): void {
  const inUrl = new URL(url).searchParams;
  for (const name of new Set([...inUrl.keys(), ...query.keys()])) {
    const parameter = known.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    if (parameter === undefined) continue;
    if (name !== parameter) {
      throw new Problem(
        'invalid_query',
        `${parameter} is spelled in another case: names are case-sensitive.`,
      );
    }
    if (inUrl.getAll(name).length > 1)
      throw new Problem('invalid_query', `${parameter} occurs more than once.`);
  }
}
