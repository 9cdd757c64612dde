import { generate, parser as createParser, type IConnectPacket, type Packet } from 'mqtt-packet';
import type { Transport } from '../transport';
import {
  CLOSE_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  KEEP_ALIVE_FACTOR,
  MAX_KEEP_ALIVE_MS,
  MAX_PACKET_BYTES,
  MAX_TOPIC_BYTES,
  MAX_UNSENT_BYTES,
} from './limits';
import { packetSizeCheck } from './packetSize';

/** One client's MQTT packets, over its transport. */
export interface MqttConnection {
  /** False from `close` on: what is sent then does not leave. */
  isOpen(): boolean;
  send(packet: Packet): void;
  /** Reads no more packets, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the connection once what was sent is written; packets that arrive later are ignored. */
  close(): void;
  reset(): void;
}

export interface MqttListener {
  /**
   * Called with each chunk of data. Parses it, which calls the functions below. Returns false if the hub could not store
   * its messages: the connection is then reset without a response to any packet of the chunk.
   */
  onChunk(parse: () => void): boolean;
  /** Called with CONNECT, which must be the first packet. */
  onConnect(packet: IConnectPacket): void;
  /** Called with each later packet except CONNECT. */
  onPacket(packet: Packet): void;
  /** Called once, when the connection has ended for any reason. */
  onEnd(): void;
}

/**
 * Reads and writes MQTT packets. It closes the connection of a client that breaks the protocol: a malformed or
 * oversized packet, a first packet other than CONNECT, a second CONNECT, no packet within 1.5 times its keep-alive, or
 * responses that it never reads.
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
    stream.resume(); // a paused stream does not emit 'end'
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
    stream.cork(); // no acknowledgement leaves before the messages of the chunk are stored
    if (!listener.onChunk(() => parser.parse(chunk))) {
      transport.reset();
      stream.destroy();
    }
    stream.uncork();
  });
  stream.on('drain', () => {
    if (!isPaused) stream.resume();
  });
  stream.on('error', () => undefined); // clients may reset connections; 'close' is emitted afterwards
  stream.on('end', close);
  stream.once('close', () => {
    isClosed = true;
    clearTimeout(silence);
    listener.onEnd();
  });

  return {
    isOpen: () => !isClosed && !stream.destroyed,
    send(packet) {
      if (isClosed) return;
      if (packet.cmd === 'publish' && Buffer.byteLength(packet.topic) > MAX_TOPIC_BYTES) {
        close(); // the library would write a part of the packet
        return;
      }
      if (stream.write(generate(packet))) return;
      stream.pause(); // reading pauses until the client has read the earlier responses
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
