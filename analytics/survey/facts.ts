/** Keeps what is known of the sources. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { verdictSchema } from './verdict';

/** The stored facts about the sources: places and verdicts, without their text. */
const schemas = {
  /** the queries of the page of query patterns, with our case for each */
  patterns: z.object({
    page: z.string(),
    queries: z.array(
      z.object({
        section: z.string(),
        /** folder of our case, whose rows are those of the page */
        case: z.string().optional(),
        /** `misprint`: the page's own query and events cannot give its rows */
        verdict: z.enum(['equal', 'refused', 'different', 'misprint']),
        reason: z.string().optional(),
      }),
    ),
  }),
  reference: z.object({
    repository: z.string(),
    commit: z.string(),
    examples: z.array(
      verdictSchema.extend({
        page: z.string(),
        example: z.int(),
        /** why the example is not a whole query */
        fragment: z.string().optional(),
      }),
    ),
  }),
  repositories: z.array(
    z.object({
      repository: z.string(),
      commit: z.string(),
      queries: z.array(verdictSchema.extend({ path: z.string(), query: z.int() })),
    }),
  ),
};

type Facts = { [Name in keyof typeof schemas]: z.infer<(typeof schemas)[Name]> };

const file = (name: string): string => join(__dirname, `${name}.json`);

export function readFacts<Name extends keyof Facts>(name: Name): Facts[Name] {
  return schemas[name].parse(JSON.parse(readFileSync(file(name), 'utf8'))) as Facts[Name];
}

/** One entry a line, so that changes can be read. */
export function writeFacts<Name extends keyof Facts>(name: Name, facts: Facts[Name]): void {
  writeFileSync(file(name), `${JSON.stringify(facts, null, 2)}\n`);
}
