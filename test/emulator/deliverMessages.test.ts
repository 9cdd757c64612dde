import { expect, test } from 'vitest';
import { createMessageQueues } from '../../emulator/cloudToDevice';
import { NO_JOURNAL, type Journal } from '../../emulator/dataFolder';
import type { Hub } from '../../emulator/hub';
import { IotHubError } from '../../emulator/iotHubError';
import type { MqttConnection } from '../../emulator/mqtt/connection';
import { createMessageDelivery } from '../../emulator/mqtt/deliverMessages';
import { createDeviceRegistry, createIdentityStore } from '../../emulator/registry';

/** More than the 65,535 bytes of a topic, once it is percent-encoded. */
const LARGE = [['large', 'ä'.repeat(20_000)]] as const;

test.each([
  ['QoS 0', 0, [], ['first'], ['first', 'second']],
  ['QoS 1', 1, [], ['first', 'second'], ['first', 'second']],
  ['too large for a topic', 1, LARGE, [], []],
] as const)(
  'a message that a full disk keeps in the queue is settled with the next connection (%s)',
  (_, qos, properties, sentBefore, sentAfter) => {
    let isFull = false;
    const journal: Journal = {
      ...NO_JOURNAL,
      write() {
        if (isFull) throw new IotHubError('ServiceUnavailable', 'The disk is full.');
      },
    };
    const registry = createDeviceRegistry(createIdentityStore(journal));
    registry.create('d', {});
    const messages = createMessageQueues(registry, journal);
    for (const text of ['first', 'second']) {
      messages.send('d', { body: Buffer.from(text), acknowledgement: 'none', properties } as never);
    }
    const connect = () => {
      const sent: string[] = [];
      let isOpen = true;
      const mqtt = {
        isOpen: () => isOpen,
        send: ({ payload }: { payload: Buffer }) => sent.push(payload.toString()),
        close: () => (isOpen = false),
      };
      const subscriptions = new Map([['devices/d/messages/devicebound/#', qos]]);
      const delivery = createMessageDelivery(
        { messages } as Hub,
        mqtt as unknown as MqttConnection,
        'd',
        subscriptions,
      );
      return { sent, mqtt, delivery };
    };
    isFull = true;
    const first = connect();
    first.delivery.deliver();
    if (qos === 1) first.delivery.acknowledged(1);
    expect(first.mqtt.isOpen()).toBe(false);
    expect(first.sent).toEqual(sentBefore);
    first.delivery.end();
    isFull = false;
    const second = connect();
    second.delivery.deliver();
    expect(second.sent).toEqual(sentAfter);
    if (qos === 1) for (const packetId of sentAfter.keys()) second.delivery.acknowledged(packetId + 1);
    expect(messages.receive('d', true)).toBeUndefined();
    messages.close();
  },
);
