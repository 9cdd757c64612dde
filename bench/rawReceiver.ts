import { createHmac, randomUUID } from 'node:crypto';
import rhea, { type Connection, type Receiver, type Sender } from 'rhea';

const TOKEN_LIFETIME_S = 3_600;
/** rhea keeps at most 2,048 deliveries in a session's window; it grants credit anew as they come. */
const CREDIT_WINDOW = 1_000;

/** The least that AMQP asks for: one connection, one claim a partition, one link a partition with credit for all. */
export interface RawReceiver {
  /** Reads that many messages of each partition from its beginning. */
  drain: (counts: ReadonlyMap<string, number>) => Promise<void>;
  close: () => void;
}

/** A bare `rhea` receiver: what any client of the Event Hub-compatible endpoint pays at the least. */
export async function connectRaw(options: {
  port: number;
  hub: string;
  group: string;
  policy: string;
  key: string;
  partitions: readonly string[];
}): Promise<RawReceiver> {
  const { port, hub, group } = options;
  const connection = rhea
    .create_container()
    .connect({ host: '127.0.0.1', port, username: 'raw', reconnect: false });
  const address = (partition: string): string => `${hub}/ConsumerGroups/${group}/Partitions/${partition}`;
  await claimAll(
    connection,
    options,
    options.partitions.map((id) => `sb://127.0.0.1:${port}/${address(id)}`),
  );
  const drainOne = ([partition, count]: [string, number]): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = count;
      const session = connection.create_session(); // one a link, as the SDKs do
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
    close: () => {
      connection.close();
    },
  };
}

function claimAll(
  connection: Connection,
  { policy, key }: { policy: string; key: string },
  audiences: readonly string[],
): Promise<void> {
  const replyTo = `cbs-${randomUUID()}`;
  return new Promise((resolve) => {
    let left = audiences.length;
    const replies: Receiver = connection.open_receiver({ name: replyTo, source: { address: '$cbs' } });
    replies.on('message', () => {
      left -= 1;
      if (left === 0) resolve();
    });
    const sender: Sender = connection.open_sender({ target: { address: '$cbs' } });
    sender.once('sendable', () => {
      for (const audience of audiences) {
        sender.send({
          message_id: randomUUID(),
          reply_to: replyTo,
          body: sasToken(audience, policy, key),
          application_properties: {
            operation: 'put-token',
            name: audience,
            type: 'servicebus.windows.net:sastoken',
          },
        });
      }
    });
  });
}

function sasToken(audience: string, policy: string, key: string): string {
  const expires = Math.floor(Date.now() / 1_000) + TOKEN_LIFETIME_S;
  const resource = encodeURIComponent(audience);
  const signature = createHmac('sha256', key).update(`${resource}\n${expires}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expires}&skn=${policy}`;
}
