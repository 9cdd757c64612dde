import { once } from 'node:events';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { generate, parser, type IConnectPacket, type Packet } from 'mqtt-packet';
import { vi } from 'vitest';
import type { Emulator } from '../../emulator/index';
import { sasToken, VERSION, type TestHub } from './hub';

/** The types of Node lack an option that TLS sockets have. */
type TlsOptions = ConnectionOptions & { allowHalfOpen?: boolean };

/** Packets written by hand: what no client library sends. */
export class RawClient {
  private readonly received: Packet[] = [];
  private constructor(readonly socket: TLSSocket) {
    const incoming = parser({ protocolVersion: 4 });
    incoming.on('packet', (packet) => this.received.push(packet));
    socket.on('data', (data: Buffer) => incoming.parse(data));
    socket.on('error', () => undefined);
  }
  static async open({ emulator }: TestHub, options: TlsOptions = {}): Promise<RawClient> {
    const { mqttPort: port, ca } = emulator;
    const socket = connectTls({ host: '127.0.0.1', port, ca, ...options });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }
  /** Sends the packets in one write. */
  send(...packets: Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => generate(packet))));
  }
  /** Everything that came until the server closed the connection. */
  async untilClosed(): Promise<Packet[]> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
    return this.received;
  }
  packet(cmd: Packet['cmd']): Promise<Packet> {
    return vi.waitFor(
      () => {
        const found = this.received.find((packet) => packet.cmd === cmd);
        if (!found) throw new Error(`no ${cmd} has come`);
        return found;
      },
      { interval: 10 },
    );
  }
}

export const connectPacket = (
  { hostName }: Emulator,
  deviceId: string,
  key: string,
  fields: Partial<IConnectPacket> = {},
) => ({
  cmd: 'connect' as const,
  clientId: deviceId,
  protocolId: 'MQTT' as const,
  protocolVersion: 4 as const,
  clean: true,
  keepalive: 60,
  username: `${hostName}/${deviceId}/?${VERSION}`,
  password: Buffer.from(sasToken(`${hostName}/devices/${deviceId}`, key)),
  ...fields,
});
