import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WireResponse } from './exchange';

/** The app settings of both hosts. */
export const SETTINGS = { 'AzureWebJobs.off.Disabled': 'true', FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000000' };

/** Recorded from the real host: where the responses come from in the first line, then one response a line. */
export const RESPONSES_FILE = join(__dirname, 'responses.ndjson');

/** A response by the name of its request; without one where the real host sent none that a client can read. */
export interface Row {
  request: string;
  response?: WireResponse;
}

export function readRows(): Row[] {
  const [, ...lines] = readFileSync(RESPONSES_FILE, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Row);
}

/** Says who answered and when: not compared. */
const IGNORED_HEADERS = ['date', 'server'];

export function comparable(response: WireResponse): WireResponse {
  const headers = Object.entries(response.headers).filter(([name]) => !IGNORED_HEADERS.includes(name));
  return { ...response, headers: Object.fromEntries(headers) };
}
