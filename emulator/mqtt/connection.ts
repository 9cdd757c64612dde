import { generate, parser as createParser, type IConnectPacket, type Packet } from 'mqtt-packet';
import type { Transport } from '../transport';
import {
  CLOSE_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  KEEP_ALIVE_FACTOR,
  MAX_KEEP_ALIVE_MS,
  MAX_PACKET_BYTES,
  MAX_UNSENT_BYTES,
} from './limits';
import { packetSizeCheck } from './packetSize';

/** One client's MQTT packets, over its transport. */
export interface MqttConnection {
  send(packet: Packet): void;
  /** Reads no more packets, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the connection once what was sent is written; packets that arrive later are ignored. */
  close(): void;
  reset(): void;
}

export interface MqttListener {
  /** The first packet; the connection waits for no other packets until it comes. */
  onConnect(packet: IConnectPacket): void;
  /** Every later packet but CONNECT. */
  onPacket(packet: Packet): void;
  /** Once, however the connection ended. */
  onEnd(): void;
}

/**
 * Reads and writes MQTT packets. It closes the connection of a client that breaks the protocol: a malformed or oversized
 * packet, no CONNECT at first or a second one, silence for longer than its keep-alive, or responses that it never reads.
 */
export function createMqttConnection(transport: Transport, listener: MqttListener): MqttConnection {
  const { stream } = transport;
  const parser = createParser({ protocolVersion: 4 });
  const isWithinLimit = packetSizeCheck(MAX_PACKET_BYTES);
  let isConnected = false;
  let isClosed = false;
  let isPaused = false;
  let silence = setTimeout(close, CONNECT_TIMEOUT_MS);

  function close(): void {
    if (isClosed) return;
    isClosed = true;
    stream.end();
    setTimeout(() => stream.destroy(), CLOSE_TIMEOUT_MS).unref();
    stream.resume(); // a paused stream would never see the client's end
  }

  parser.on('error', close);
  parser.on('packet', (packet) => {
    if (isClosed) return;
    if (packet.cmd === 'connect') {
      if (isConnected) {
        close();
        return;
      }
      isConnected = true;
      const keepAlive = (packet.keepalive ?? 0) * 1_000 * KEEP_ALIVE_FACTOR;
      clearTimeout(silence);
      silence = setTimeout(close, Math.min(keepAlive || MAX_KEEP_ALIVE_MS, MAX_KEEP_ALIVE_MS));
      listener.onConnect(packet);
      return;
    }
    if (isConnected) listener.onPacket(packet);
    else close();
  });
  stream.on('data', (chunk: Buffer) => {
    if (isClosed) return;
    if (!isWithinLimit(chunk)) {
      close();
      return;
    }
    if (isConnected) silence.refresh();
    parser.parse(chunk);
  });
  stream.on('drain', () => {
    if (!isPaused) stream.resume();
  });
  stream.on('error', () => undefined); // a reset is the client's right; 'close' follows
  stream.on('end', close);
  stream.once('close', () => {
    isClosed = true;
    clearTimeout(silence);
    listener.onEnd();
  });

  return {
    send(packet) {
      if (isClosed) return;
      if (stream.write(generate(packet))) return;
      stream.pause(); // what the client asks for waits until it has read the earlier responses
      if (stream.writableLength > MAX_UNSENT_BYTES) transport.reset();
    },
    pause() {
      isPaused = true;
      stream.pause();
    },
    resume() {
      isPaused = false;
      stream.resume();
    },
    close,
    reset: transport.reset,
  };
}
