import { describe, expect, test } from 'vitest';
import { receiveEvents } from '../azureSdks';
import { SENSOR, useSensorFeed } from './sensorFeed';

const feed = useSensorFeed();

describe('the creation time', () => {
  const createdAt = '2026-11-26T08:30:00.123Z';

  test('of a message is the same from a page, in a batch and from a device itself', async () => {
    const page = SENSOR;
    const properties = { Level: 'high' };
    await feed.stack.send({ ...page, deviceMessage: 1, createdAt, properties });
    await feed.stack.send({
      ...page,
      messages: [
        { deviceMessage: 2, createdAt, properties },
        { deviceMessage: 3, properties },
      ],
    });
    await feed.send('4', (m) => {
      m.properties.add('iothub-creation-time-utc', createdAt);
      m.properties.add('Level', 'high');
    });
    const { json } = await feed.stack.feed();
    const times = (json.messages as { createdAt?: string }[]).map((message) => message.createdAt);
    expect(times).toEqual([createdAt, createdAt, undefined, createdAt]);
    for (const message of json.messages) expect(message.properties).toEqual({ Level: 'high' });
    const cloudEvents = await feed.fetchFeed({ accept: 'application/cloudevents-batch+json' });
    expect(JSON.parse(cloudEvents.text)).toMatchObject([
      { createdat: createdAt },
      { createdat: createdAt },
      {},
      {},
    ]);
    // As Microsoft's own reader has it.
    const events = await receiveEvents(feed.stack.emulator.connectionStrings.eventHub('service'), 4);
    const read = events.map((event) => event.properties?.['iothub-creation-time-utc'] as unknown);
    expect(read.sort()).toEqual([createdAt, createdAt, createdAt, undefined]);
  });

  test.each([
    '2026-11-26T08:30:00',
    '2026-11-26T08:30:00+01:00',
    '2026-11-26T08:30:00-00:00',
    '2026-02-30T08:30:00Z',
    '2026-11-26',
    '2026-11-26 08:30:00Z',
    '2026-11-26T25:30:00Z',
    '0000-01-01T00:00:00Z',
    '2026-11-26T08:30Z',
    '2026-11-26T08:30:00.12345678Z',
    'yesterday',
    '',
    1_732_609_800,
    null,
    {},
  ])('%j is none', async (wrong) => {
    const page = SENSOR;
    const single = await feed.stack.send({ ...page, deviceMessage: 1, createdAt: wrong });
    expect([single.status, single.json.code]).toEqual([400, 'invalid_request']);
    expect(single.json.detail).toContain('createdAt');
    const batch = await feed.stack.send({
      ...page,
      messages: [
        { deviceMessage: 1, createdAt: wrong },
        { deviceMessage: 2, createdAt },
      ],
    });
    expect([batch.status, batch.json.results]).toMatchObject([
      207,
      [
        {
          status: 'rejected',
          code: 'invalid_request',
          detail: expect.stringMatching(/^createdAt: [^;]*\.$/) as string,
        },
        { status: 'accepted' },
      ],
    ]);
  });

  test.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.9999999Z', '2024-02-29T00:00:00.1Z'])(
    'may be %s',
    async (time) => {
      const page = SENSOR;
      expect((await feed.stack.send({ ...page, deviceMessage: 1, createdAt: time })).status).toBe(201);
      expect((await feed.stack.feed()).json.messages).toMatchObject([{ createdAt: time }]);
    },
  );

  test('that the hub does not take is refused when a device sends it itself', async () => {
    for (const time of ['0000-01-01T00:00:00Z', '2026-11-26T08:30:00.12345678Z']) {
      const sent = feed.send('1', (m) => {
        m.properties.add('iothub-creation-time-utc', time);
      });
      await expect(sent).rejects.toThrow();
    }
  });

  test('cannot be set as a property', async () => {
    const page = SENSOR;
    const properties = { 'IotHub-Creation-Time-Utc': createdAt };
    const { status, json } = await feed.stack.send({ ...page, deviceMessage: 1, properties });
    expect([status, json.code]).toEqual([400, 'invalid_property']);
  });
});
