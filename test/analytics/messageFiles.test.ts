import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { main } from '../../analytics/cli';
import { eventFiles, ids } from './eventFiles';

const { inFolder, rows } = eventFiles();

describe('a file of messages', () => {
  test('comes after the files before it, whatever lines those have besides events', async () => {
    const pages = ['a', 'b'].map((name, i) => {
      const lines = Array.from({ length: 5 }, (_, n) => {
        const time = `2026-01-01T00:00:0${1 + n + 4 * i}.000Z`;
        const message = {
          ...{ partitionId: '0', sequenceNumber: n + 4 * i, enqueuedTimeUtc: time, deviceId: 'd' },
          ...{ messageId: null, properties: {}, body: { n: 1 + n + 4 * i } },
        };
        return `${JSON.stringify(message)}\n{"next_offset":"${n}"}\n`;
      });
      return [inFolder(`${name}.ndjson`), lines.slice(0, 4 + i).join('')] as const;
    });
    for (const [file, text] of pages) await writeFile(file, text);
    const [query, output] = [inFolder('q.asaql'), inFolder('out.ndjson')];
    await writeFile(query, 'SELECT n, System.Timestamp() AS t FROM [i]');
    const inputs = pages.flatMap(([file]) => ['--input', `i=${file}`]);
    const told = vi.spyOn(console, 'error').mockReturnValue();
    await main([...inputs, '--query', query, '--output', output]);
    const rows = (await readFile(output, 'utf8')).trim().split('\n');
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(
      Array.from({ length: 9 }, (_, n) => ({ n: n + 1, t: `2026-01-01T00:00:0${n + 1}.0000000Z` })),
    );
    expect(told.mock.calls.flat().join('\n')).not.toContain('late');
  });

  test('has the metadata of IoT Hub also where CREATE TABLE declares it', async () => {
    const line = { v: 1, IoTHub: { ConnectionDeviceId: 'd1' }, EventEnqueuedUtcTime: '2026-01-01T00:00:00Z' };
    const query =
      "CREATE TABLE i (v bigint, IoTHub record); SELECT v, IoTHub.ConnectionDeviceId AS d, GetMetadataPropertyValue(i, '[IoTHub].[ConnectionDeviceId]') AS m FROM [i]";
    expect(await rows(JSON.stringify(line), 'events', query)).toEqual([{ v: 1, d: 'd1', m: 'd1' }]);
  });

  test('may hold messages of the feed, whose last line is none', async () => {
    const message = {
      ...{ partitionId: '3', sequenceNumber: 0, enqueuedTimeUtc: '2026-01-01T01:00:00.123456+01:00' },
      ...{ deviceId: 'd', messageId: null, properties: { a: 'b' } },
    };
    const text = [
      { ...message, body: { id: 1 } },
      { next_offset: 'x', more: 1 },
    ];
    const query = `SELECT id, PartitionId AS p, System.Timestamp() AS t, i.IoTHub.ConnectionDeviceId AS d, i.IoTHub.MessageId AS m,
      GetMetadataPropertyValue(i, '[User].[a]') AS a FROM [i]`;
    const expected = [{ id: 1, p: 3, t: '2026-01-01T00:00:00.1234560Z', d: 'd', m: null, a: 'b' }];
    const forms = {
      lines: text.map((line) => JSON.stringify(line)).join('\n'),
      'objects over several lines': text.map((line) => JSON.stringify(line, null, 2)).join('\n'),
      array: JSON.stringify(text),
      'array over several lines': JSON.stringify(text, null, 2),
      'array with the body first': JSON.stringify([{ body: { id: 1, quoted: '}"' }, ...message }], null, 2),
    };
    for (const [form, content] of Object.entries(forms))
      expect({ [form]: await rows(content, 'events', query) }).toEqual({ [form]: expected });
  });

  test.each(['{"partitionId":"3","body":{"id":0', 'eId":"d","body":{"id":0}}', '{"body":{"id":"x'])(
    'may hold messages of the feed after a line that is not whole: %s',
    async (torn) => {
      vi.spyOn(console, 'error').mockReturnValue();
      const enqueuedTimeUtc = '2026-01-01T00:00:00Z';
      const message = {
        partitionId: '3',
        sequenceNumber: 0,
        enqueuedTimeUtc,
        deviceId: 'd',
        body: { id: 1 },
      };
      expect(await rows(`${torn}\n${JSON.stringify(message)}\n`, 'events', 'SELECT id FROM [i]')).toEqual(
        ids(1),
      );
    },
  );

  test('holds payloads if the fields of the feed are below the top level', async () => {
    const payload = {
      id: 1,
      message: { partitionId: '3', sequenceNumber: 0, enqueuedTimeUtc: '', body: {} },
    };
    expect(await rows(JSON.stringify(payload), 'events', 'SELECT id FROM [i]')).toEqual([{ id: 1 }]);
  });

  // https://learn.microsoft.com/azure/stream-analytics/stream-analytics-define-inputs#configure-iot-hub-as-a-data-stream-input
  test('may hold samples with the metadata of IoT Hub, also without the time of arrival', async () => {
    const IoTHub = {
      MessageId: 'm',
      CorrelationId: 'c',
      ConnectionDeviceId: 'd',
      ConnectionDeviceGenerationId: 'g',
    };
    const lines = [
      { id: 1, EventEnqueuedUtcTime: '2026-01-01T00:00:00.5Z', PartitionId: 2, IoTHub },
      { id: 2, EventEnqueuedUtcTime: '2026-01-01T00:00:01Z' },
      { id: 3, IoTHub },
    ];
    const query = `SELECT id, i.PartitionId AS p, i.IoTHub.MessageId AS m, i.IoTHub.ConnectionDeviceId AS d FROM [i]`;
    expect(await rows(lines.map((line) => JSON.stringify(line)).join('\n'), 'events', query)).toEqual([
      { id: 1, p: 2, m: 'm', d: 'd' },
      { id: 2, p: null, m: null, d: null },
      { id: 3, p: null, m: 'm', d: 'd' },
    ]);
  });

  test.each([
    ['of the usual form', '"PartitionId":3,"EventEnqueuedUtcTime":"2026-01-01T00:00:01Z"'],
    ['with escapes', '"Partition\\u0049d":3,"\\u0045ventEnqueuedUtcTime":"2026-01-01T00:00:01Z"'],
  ])(
    'has the metadata of IoT Hub under names %s, although only its last event has any',
    async (_, metadata) => {
      const file = `${`${JSON.stringify({ v: 0, text: 'x'.repeat(400) })}\n`.repeat(8_000)}{"v":1,${metadata}}\n`;
      const query = 'SELECT v, PartitionId AS p, EventEnqueuedUtcTime AS e FROM [i] WHERE v = 1';
      expect(await rows(file, 'events', query)).toEqual([{ v: 1, p: 3, e: '2026-01-01T00:00:01.0000000Z' }]);
    },
  );

  test.each([
    ['JSON lines', (one: object) => JSON.stringify(one), 'events'],
    ['an array', (one: object) => JSON.stringify([one]), 'events'],
    ['gzip', (one: object) => gzipSync(JSON.stringify(one)), 'events.gz'],
    [
      'CSV',
      (one: object) => `${Object.keys(one).join(',')}\n${Object.values(one).map(String).join(',')}\n`,
      'other.csv',
    ],
  ])('has the metadata of IoT Hub under names in any case, in %s', async (_, write, name) => {
    const line = { v: 1, EVENTENQUEUEDUTCTIME: '2026-01-01T00:00:01Z', partitionid: 2 };
    const nested = name.endsWith('csv') ? {} : { iothub: { connectiondeviceid: 'd' } };
    const query = `CREATE TABLE i (v bigint, PARTITIONID bigint); SELECT v, partitionId AS p, eventEnqueuedUtcTime AS e, [ioThub].[ConnectionDeviceID] AS d,
      GetMetadataPropertyValue(i, 'iothub.CONNECTIONdeviceid') AS m, System.Timestamp() AS t FROM [i] TIMESTAMP BY eventenqueuedutctime`;
    const time = '2026-01-01T00:00:01.0000000Z';
    const d = name.endsWith('csv') ? null : 'd';
    const file = write({ ...line, ...nested });
    expect(await rows(file, name, query)).toEqual([{ v: 1, p: 2, e: time, d, m: d, t: time }]);
    const arrival = 'SELECT System.Timestamp() AS t FROM [i]';
    expect(await rows(file, name, arrival)).toEqual([{ t: time }]);
  });
});
