import type { Packet } from 'mqtt-packet';
import { readTopic } from './topics';

/** One line for the log, without the property bag and the payload of a message. */
export function describePacket(packet: Packet, clientId: string): string {
  const name = packet.cmd.toUpperCase();
  if (packet.cmd === 'subscribe')
    return `${name} ${packet.subscriptions.map(({ topic }) => topic).join(', ')}`;
  if (packet.cmd !== 'publish') return name;
  const kind = kindOf(packet.topic, clientId);
  return `${name} ${kind}, QoS ${packet.qos}, ${packet.payload.length} bytes`;
}

function kindOf(topic: string, clientId: string): string {
  try {
    return readTopic(topic, clientId)?.kind ?? 'to an unknown topic';
  } catch {
    return 'to an invalid topic';
  }
}
