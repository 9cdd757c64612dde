import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FunctionsHost, startFunctionsHost } from '../../../local/functionsHost';
import { DIFFERENCES } from './differences';
import { exchange } from './exchange';
import { KEYS, REQUESTS } from './requests';
import { SETTINGS, comparable, readRows } from './table';

let host: FunctionsHost;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(process.cwd(), 'node_modules', '.real-host-')); // where @azure/functions resolves
  await cp(join(__dirname, 'app.cjs'), join(folder, 'app.cjs'));
  await writeFile(join(folder, 'package.json'), '{"main":"app.cjs"}');
  await writeFile(join(folder, 'host.json'), '{"version":"2.0"}');
  host = await startFunctionsHost({
    appFolder: folder,
    port: 0,
    settings: () => SETTINGS,
    functionKeys: KEYS,
    log: () => undefined,
  });
});

afterAll(async () => {
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

const rows = readRows();
const differenceOf = (request: string) => DIFFERENCES.find(({ requests }) => requests.includes(request));
const respond = async (name: string) => {
  const { bytes, end } = REQUESTS[name] ?? { bytes: '', end: true };
  return comparable(await exchange(host.port, bytes, end));
};

describe('the dev host', () => {
  test('is compared for every request', () => {
    expect(rows.map(({ request }) => request)).toEqual(Object.keys(REQUESTS));
    const known = DIFFERENCES.flatMap(({ requests }) => requests);
    expect(known.filter((name) => !(name in REQUESTS))).toEqual([]);
  });

  test.each(rows.filter(({ request }) => !differenceOf(request)))(
    'responds as the real host: $request',
    async ({ request, response }) => {
      expect(await respond(request)).toEqual(response);
    },
  );

  test.each(rows.filter(({ request }) => differenceOf(request)))(
    'differs from the real host as documented: $request',
    async ({ request, response }) => {
      const { status, headers = {}, body = '' } = differenceOf(request) ?? {};
      const ours = await respond(request);
      expect(ours).not.toEqual(response);
      expect(ours.status).toBe(status);
      const differing = Object.keys(headers).map((name) => [name, ours.headers[name]]);
      expect(Object.fromEntries(differing)).toEqual(headers);
      expect(ours.body).toContain(body);
    },
  );
});
