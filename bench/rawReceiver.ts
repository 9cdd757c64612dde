/** A minimal AMQP receiver, as the peer that the feed is compared with. */

import { createHmac, randomUUID } from 'node:crypto';
import rhea, { type Connection, type Receiver, type Sender } from 'rhea';

const TOKEN_LIFETIME_S = 3_600;
/**
 * Credit of a link. rhea keeps at most 2,048 deliveries in a session's window, and renews the credit as they arrive.
 */
const CREDIT_WINDOW = 1_000;

export interface RawOptions {
  port: number;
  hub: string;
  group: string;
  policy: string;
  key: string;
  partitions: readonly string[];
}

/**
 * The minimum that AMQP requires: one connection, one claim per partition, and one link per partition with credit for
 * all messages.
 */
export interface RawReceiver {
  /** Reads this many messages of each partition from its beginning. */
  drain: (counts: ReadonlyMap<string, number>) => Promise<void>;
  /** One round trip to `$management`: requests the properties of these partitions with one call each, all at once. */
  readPartitions: (ids: readonly string[]) => Promise<void>;
}

/** A bare `rhea` client, which is the minimum for any client of the Event Hub-compatible endpoint. */
export async function connectRaw(options: RawOptions): Promise<RawReceiver> {
  const { port, hub, group } = options;
  const connection = rhea
    .create_container()
    .connect({ host: '127.0.0.1', port, username: 'raw', reconnect: false });
  const address = (partition: string): string => `${hub}/ConsumerGroups/${group}/Partitions/${partition}`;
  await claimAll(
    connection,
    options,
    [...options.partitions.map(address), `${hub}/$management`].map(
      (path) => `sb://127.0.0.1:${port}/${path}`,
    ),
  );
  const management = requestLink(connection, '$management');
  const drainOne = ([partition, count]: [string, number]): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = count;
      const session = connection.create_session(); // one session per link, as in the SDKs
      session.begin();
      const receiver = session.open_receiver({
        name: randomUUID(),
        credit_window: CREDIT_WINDOW,
        autoaccept: true,
        source: {
          address: address(partition),
          filter: {
            'apache.org:selector-filter:string': rhea.types.wrap_described(
              "amqp.annotation.x-opt-offset > '-1'",
              0x468c00000004,
            ),
          },
        },
      });
      receiver.on('message', () => {
        left -= 1;
        if (left > 0) return;
        receiver.close();
        session.close();
        resolve();
      });
      receiver.on('receiver_error', () => {
        reject(
          new Error(`The raw receiver was refused: ${(receiver.error as Error | undefined)?.message ?? ''}`),
        );
      });
    });
  return {
    drain: async (counts) => {
      await Promise.all([...counts].filter(([, count]) => count > 0).map(drainOne));
    },
    readPartitions: async (ids) => {
      const read = { operation: 'READ', name: hub, type: 'com.microsoft:partition' };
      await Promise.all(ids.map((partition) => management({ ...read, partition }, '[]')));
    },
  };
}

async function claimAll(
  connection: Connection,
  { policy, key }: { policy: string; key: string },
  audiences: readonly string[],
): Promise<void> {
  const cbs = requestLink(connection, '$cbs');
  await Promise.all(
    audiences.map((name) =>
      cbs(
        { operation: 'put-token', name, type: 'servicebus.windows.net:sastoken' },
        sasToken(name, policy, key),
      ),
    ),
  );
}

/** Requests and responses in order, as the emulator sends them. */
function requestLink(
  connection: Connection,
  address: string,
): (properties: Record<string, string>, body: string) => Promise<void> {
  const replyTo = randomUUID();
  const waiting: (() => void)[] = [];
  const replies: Receiver = connection.open_receiver({
    name: replyTo,
    source: { address },
    target: { address: replyTo },
  });
  replies.on('message', () => waiting.shift()?.());
  const sender: Sender = connection.open_sender({ target: { address } });
  return (properties, body) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      sender.send({ message_id: randomUUID(), reply_to: replyTo, application_properties: properties, body });
    });
}

function sasToken(audience: string, policy: string, key: string): string {
  const expires = Math.floor(Date.now() / 1_000) + TOKEN_LIFETIME_S;
  const resource = encodeURIComponent(audience);
  const signature = createHmac('sha256', key).update(`${resource}\n${expires}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expires}&skn=${policy}`;
}
