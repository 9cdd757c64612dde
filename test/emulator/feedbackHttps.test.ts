import type * as IotHub from 'azure-iothub';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Message } from '../azureSdks';
import { openService } from './amqpService';
import { startHub, type TestHub } from './hub';

let hub: TestHub;
let service: IotHub.Client;
beforeAll(async () => {
  hub = await startHub({ amqpsPort: 0 });
  service = await openService(hub.emulator);
});
afterAll(async () => {
  await service.close();
  await hub.close();
});

const FEEDBACK = '/messages/serviceBound/feedback';

test('a service receives feedback over HTTPS, abandons it, and completes it', async () => {
  await hub.register('d');
  const message = Object.assign(new Message('a'), { messageId: 'm-1', ack: 'full' });
  await service.send('d', message as never);
  expect((await hub.call('GET', FEEDBACK)).status).toBe(204);
  await hub.call('DELETE', '/devices/d/commands');
  const receive = async () => {
    await expect.poll(async () => (batch = await hub.call('GET', FEEDBACK)).status).toBe(200);
    return batch;
  };
  let batch: Awaited<ReturnType<TestHub['call']>>;
  const tokenOf = ({ headers }: { headers: object }) =>
    (headers as { etag: string }).etag.replaceAll('"', '');

  const first = await receive();
  expect(first.json).toMatchObject([{ originalMessageId: 'm-1', statusCode: 'Purged', deviceId: 'd' }]);
  expect((await hub.call('GET', FEEDBACK)).status).toBe(204); // it is locked
  expect((await hub.call('POST', `${FEEDBACK}/${tokenOf(first)}/abandon`)).status).toBe(204);
  const second = await receive();
  expect(second.headers['iothub-deliverycount']).toBe('1');
  expect((await hub.call('DELETE', `${FEEDBACK}/${tokenOf(first)}`)).status).toBe(412);
  expect((await hub.call('DELETE', `${FEEDBACK}/${tokenOf(second)}`)).status).toBe(204);
  expect((await hub.call('GET', FEEDBACK)).status).toBe(204);
});
