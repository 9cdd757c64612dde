import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/index';
import { findProgram } from '../clients/programs';

const run = promisify(execFile);
const NODE_WITH_PROXY = 24;

let emulator: Emulator;
let folder: string;
let url: string;
/** As docs/emulator.md has it. */
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hubfront-'));
  emulator = await startEmulator({ amqpsPort: 0, proxyPort: 0, partitions: 1, caFolder: folder });
  url = `https://${emulator.hostName}/devices?api-version=2021-04-12`;
  env = {
    ...process.env,
    HTTPS_PROXY: `http://127.0.0.1:${emulator.proxyPort}`,
    SSL_CERT_FILE: emulator.caFile,
    // The test command excepts the machine's own names from proxies.
    NO_PROXY: '',
    no_proxy: '',
  };
});
afterAll(async () => {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the hub says to a request without a token: so the request has reached it, over trusted TLS. */
const UNAUTHORIZED = /401/;

describe("the hub's own name, through HTTPS_PROXY, is reached by", () => {
  const curl = findProgram('curl', 'curl');
  test.runIf(curl)('curl', async () => {
    const { stdout } = await run('curl', ['-s', '-w', '%{http_code}', url], {
      env: { ...env, CURL_CA_BUNDLE: emulator.caFile },
    });
    expect(stdout).toMatch(UNAUTHORIZED);
  });

  const python = findProgram('/usr/bin/python3', 'python3');
  test.runIf(python)('Python', async () => {
    const program = [
      'import sys, urllib.request, urllib.error',
      'try: urllib.request.urlopen(sys.argv[1])',
      'except urllib.error.HTTPError as error: print(error.code)',
    ].join('\n');
    expect((await run('/usr/bin/python3', ['-c', program, url], { env })).stdout).toMatch(UNAUTHORIZED);
  });

  const ruby = findProgram('ruby', 'ruby');
  test.runIf(ruby)('Ruby, which takes no proxy from HTTPS_PROXY', { tags: 'full' }, async () => {
    const program =
      "Net::HTTP.start(ARGV[0], 443, '127.0.0.1', ARGV[1].to_i, use_ssl: true) { |hub| puts hub.get(ARGV[2]).code }";
    const { pathname, search } = new URL(url);
    const { stdout } = await run(
      'ruby',
      [
        ...['-rnet/http', '-e', program],
        ...[emulator.hostName, String(emulator.proxyPort), `${pathname}${search}`],
      ],
      { env },
    );
    expect(stdout).toMatch(UNAUTHORIZED);
  });

  const java = findProgram('javac', 'default-jdk-headless');
  test.runIf(java)('Java', { tags: 'full' }, async () => {
    const source = join(folder, 'Reach.java');
    await writeFile(
      source,
      `import java.net.URI;
       import java.net.http.*;
       public class Reach {
         public static void main(String[] args) throws Exception {
           var request = HttpRequest.newBuilder(URI.create(args[0])).build();
           System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding()).statusCode());
         }
       }`,
    );
    const trusted = join(folder, 'trusted.p12');
    await run('keytool', [
      ...['-importcert', '-noprompt', '-alias', 'hubfront', '-file', emulator.caFile],
      ...['-keystore', trusted, '-storetype', 'PKCS12', '-storepass', 'changeit'],
    ]);
    const { stdout } = await run('java', [
      ...['-Dhttps.proxyHost=127.0.0.1', `-Dhttps.proxyPort=${emulator.proxyPort}`],
      ...[`-Djavax.net.ssl.trustStore=${trusted}`, '-Djavax.net.ssl.trustStorePassword=changeit'],
      ...[source, url],
    ]);
    expect(stdout).toMatch(UNAUTHORIZED);
  });

  test.runIf(Number(process.versions.node.split('.')[0]) >= NODE_WITH_PROXY)('Node 24', async () => {
    const program = `fetch(${JSON.stringify(url)}).then((response) => console.log(response.status))`;
    const { stdout } = await run(process.execPath, ['-e', program], {
      env: { ...env, NODE_USE_ENV_PROXY: '1', NODE_EXTRA_CA_CERTS: emulator.caFile },
    });
    expect(stdout).toMatch(UNAUTHORIZED);
  });
});

describe('the proxy', () => {
  const tunnel = (target: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(emulator.proxyPort ?? 0, '127.0.0.1', () =>
        socket.write(`CONNECT ${target} HTTP/1.1\r\n\r\n`),
      );
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });

  test("leads to the hub's own name and to the loopback interface, and to no other host", async () => {
    expect(await tunnel(`${emulator.hostName}:443`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await tunnel(`${emulator.hostName}:5671`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await tunnel(`127.0.0.1:${emulator.hubPort}`)).toMatch(/^HTTP\/1.1 200 /);
    expect(await tunnel('example.com:443')).toMatch(/^HTTP\/1.1 502 [^]*'example.com' to NO_PROXY/);
    expect(await tunnel(`${emulator.hostName}:22`)).toMatch(/^HTTP\/1.1 502 [^]*does not serve port 22/);
    expect(await tunnel('nonsense')).toMatch(/^HTTP\/1.1 (400|502) /);
  });
});
