import { request as httpsRequest } from 'node:https';
import { type Server, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** Timeout of the check whether another Hubfront uses a port. */
const PROBE_MS = 1_000;

/** A port that is reserved until its program listens on it. Until then, connections to it are closed. */
export interface ReservedPort {
  port: number;
  /** Frees the port, unless it was taken over. */
  release: () => Promise<void>;
  /**
   * The server that listens on the port, for the program that takes it over. So no other program can use the port
   * before. Undefined after the first call, and after `release`.
   */
  takeOver: () => Server | undefined;
}

/** A flag, such as `--port`, with its port. 0: any free port. */
export interface WantedPort {
  flag: string;
  port: number;
}

/** @throws Node's listen error when the port is in use */
export async function reservePort(port: number): Promise<ReservedPort> {
  const server = createServer((socket) => socket.destroy());
  await listen(server, port);
  let reserved: Server | undefined = server;
  const takeOver = (): Server | undefined => {
    const taken = reserved;
    reserved = undefined;
    return taken;
  };
  return {
    port: (server.address() as AddressInfo).port,
    release: async () => {
      const released = takeOver();
      if (released) await new Promise((resolve) => released.close(resolve));
    },
    takeOver,
  };
}

/** The default port, or any free one if it is in use. */
export const reserveUsualPort = (usual: number): Promise<ReservedPort> =>
  reservePort(usual).catch(() => reservePort(0));

/** The usual port if it is free, otherwise 0 (any free port). */
export async function usualPort(usual: number): Promise<number> {
  const reserved = await reservePort(usual).catch(() => undefined);
  await reserved?.release();
  return reserved?.port ?? 0;
}

/** Problems of these ports, one line each: in use, privileged, or requested twice. */
export async function portProblems(wanted: readonly WantedPort[]): Promise<string[]> {
  const fixed = wanted.filter(({ port }) => port !== 0);
  const twice = fixed.flatMap(({ flag, port }, i) => {
    const other = fixed.slice(0, i).find((one) => one.port === port);
    return other ? [`${other.flag} and ${flag} are both ${port}: choose different ports`] : [];
  });
  if (twice.length > 0) return twice;
  const lines = await Promise.all(
    fixed.map(async ({ flag, port }) => {
      try {
        await (await reservePort(port)).release();
        return [];
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const why = code === 'EACCES' ? 'needs privileges' : 'is in use';
        return [`port ${port} ${why}: choose another with ${flag}`];
      }
    }),
  );
  return lines.flat();
}

/** Whether the emulator or the functions of another Hubfront respond on the requested ports. */
export async function isHubfrontRunning(ports: { functions: number; hub: number }): Promise<boolean> {
  const found = await Promise.all([isFunctionsHost(ports.functions), isEmulator(ports.hub)]);
  return found.includes(true);
}

async function isFunctionsHost(port: number): Promise<boolean> {
  if (port === 0) return false;
  const response = await fetch(`http://127.0.0.1:${port}/api/messages?action=ping`, {
    signal: AbortSignal.timeout(PROBE_MS),
  }).catch(() => undefined);
  return /"status": ?"ok"|"code":/.test((await response?.text().catch(() => '')) ?? '');
}

function isEmulator(port: number): Promise<boolean> {
  if (port === 0) return Promise.resolve(false);
  return new Promise((resolve) => {
    const options = { rejectUnauthorized: false, signal: AbortSignal.timeout(PROBE_MS) };
    httpsRequest(`https://127.0.0.1:${port}/_emulator/state`, options, (response) => {
      json(response).then(
        (body) => {
          resolve(typeof body === 'object' && body !== null && 'partitions' in body);
        },
        () => {
          resolve(false);
        },
      );
    })
      .on('error', () => {
        resolve(false);
      })
      .end();
  });
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
}
