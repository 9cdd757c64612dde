import { expect, test } from 'vitest';
import { createMessageQueues } from '../../emulator/cloudToDevice';
import { NO_JOURNAL, type Journal } from '../../emulator/dataFolder';
import type { Hub } from '../../emulator/hub';
import { IotHubError } from '../../emulator/iotHubError';
import type { MqttConnection } from '../../emulator/mqtt/connection';
import { createMessageDelivery } from '../../emulator/mqtt/deliverMessages';
import { createDeviceRegistry } from '../../emulator/registry';

test.each([0, 1] as const)(
  'a message that a full disk keeps in the queue comes again with the next connection (QoS %s)',
  (qos) => {
    let isFull = false;
    const journal: Journal = {
      ...NO_JOURNAL,
      write() {
        if (isFull) throw new IotHubError('ServiceUnavailable', 'The disk is full.');
      },
    };
    const registry = createDeviceRegistry(journal);
    registry.create('d', {});
    const messages = createMessageQueues(registry, journal);
    for (const text of ['first', 'second']) {
      messages.send('d', { body: Buffer.from(text), acknowledgement: 'none', properties: [] } as never);
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
    expect(first.sent).toEqual(qos === 1 ? ['first', 'second'] : ['first']);
    first.delivery.end();
    isFull = false;
    const second = connect();
    second.delivery.deliver();
    expect(second.sent).toEqual(['first', 'second']);
    messages.close();
  },
);
