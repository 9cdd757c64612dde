import type { IConnectPacket, Packet } from 'mqtt-packet';
import type { Transport } from '../transport';
import type { MqttConnection } from './connection';

/**
 * Connects a client of another service than a hub. Returns what serves its packets after CONNECT; undefined if the
 * client connects to a hub.
 */
export type ConnectOther = (
  packet: IConnectPacket,
  mqtt: MqttConnection,
  transport: Transport,
) => ((packet: Packet) => void) | undefined;
