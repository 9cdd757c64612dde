/** Devices that send telemetry over MQTT, with as little work as possible. Runs in a separate process. */

import { connect, type TLSSocket } from 'node:tls';
import { generate } from 'mqtt-packet';
import type { ClientReply, ClientRequest } from './clients';

/** Handshakes under way at the same time. */
const CONNECTING_AT_ONCE = 20;
/** CONNACK and PUBACK have four bytes each. The servers send no other packets here. */
const RESPONSE_BYTES = 4;
const KEEP_ALIVE_S = 1_000;
const MAX_MESSAGE_ID = 65_535;

/** A connection with one message under way at a time. */
interface Device {
  socket: TLSSocket;
  packet: Buffer;
  /** where the two bytes of the message id are in the packet */
  idAt: number;
  sent: number;
}

const groups = new Map<string, Device[]>();
/** called with each acknowledgement */
let onAcknowledged: (device: Device) => void = () => undefined;

process.on('message', (request: ClientRequest) => {
  handle(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => process.send?.({ error: String(error) } satisfies ClientReply),
  );
});

async function handle(request: ClientRequest): Promise<ClientReply> {
  const devices = groups.get(request.group) ?? [];
  groups.set(request.group, devices);
  switch (request.kind) {
    case 'connect': {
      let next = devices.length;
      const end = next + request.count;
      const work = async (): Promise<void> => {
        while (next < end) devices.push(await open(request, next++));
      };
      await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, work));
      return {};
    }
    case 'send':
      return { perSecond: await send(devices, request.messages) };
    case 'close':
      groups.delete(request.group);
      await Promise.all(devices.map(({ socket }) => closed(socket)));
      return {};
  }
}

function open(
  { port, ca, host, password, fillerCharacters }: Extract<ClientRequest, { kind: 'connect' }>,
  index: number,
): Promise<Device> {
  const deviceId = `bench-${index}`;
  const topic = `devices/${deviceId}/messages/events/$.ct=application%2Fjson&$.ce=utf-8`;
  const payload = JSON.stringify({ deviceId, filler: 'x'.repeat(fillerCharacters) });
  const packet = Buffer.from(
    generate({ cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false }),
  );
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca });
    const device: Device = { socket, packet, idAt: packet.length - payload.length - 2, sent: 0 };
    let isConnected = false;
    let pending = 0;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (!isConnected) {
        isConnected = true;
        if (chunk[0] === 0x20 && chunk[3] === 0) resolve(device);
        else reject(new Error(`CONNACK ${chunk.toString('hex')}`));
        return;
      }
      for (pending += chunk.length; pending >= RESPONSE_BYTES; pending -= RESPONSE_BYTES) {
        onAcknowledged(device);
      }
    });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.write(
        generate({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 4,
          clean: true,
          clientId: deviceId,
          keepalive: KEEP_ALIVE_S,
          username: `${host}/${deviceId}/?api-version=2021-04-12`,
          password: Buffer.from(password),
        }),
      );
    });
  });
}

function publish(device: Device): void {
  device.sent += 1;
  device.packet.writeUInt16BE((device.sent % MAX_MESSAGE_ID) + 1, device.idAt);
  device.socket.write(device.packet);
}

/** @returns messages per second, from the first message to the last acknowledgement of all */
function send(devices: readonly Device[], messages: number): Promise<number> {
  let left = messages - devices.length;
  let unacknowledged = messages;
  const start = performance.now();
  return new Promise((resolve) => {
    onAcknowledged = (device) => {
      unacknowledged -= 1;
      if (unacknowledged === 0) resolve(messages / ((performance.now() - start) / 1_000));
      if (left > 0) {
        left -= 1;
        publish(device);
      }
    };
    for (const device of devices) publish(device);
  });
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
    socket.destroy();
  });
}
