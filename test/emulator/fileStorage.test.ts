/** The storage of file uploads: what a start accepts, and a storage that is missing. */

import { expect, test } from 'vitest';
import { type EmulatorOptions, startEmulator } from '../../emulator/index';
import { startHub } from './hub';
import { uploader } from './uploader';

test('a hub without a storage rejects uploads, with the way to one', async () => {
  const bare = await startHub();
  const { status, json } = await (await uploader(bare, 'd'))('', { blobName: 'a' });
  expect(status).toBe(400);
  expect(json.Message).toMatch(/DefaultStorageEndpointNotConfigured.*--storage/);
  await bare.close();
});

const KEY = Buffer.from('the key of the account').toString('base64');

test('a storage that does not run is reported without its key', async () => {
  const gone = `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${KEY};BlobEndpoint=http://127.0.0.1:9/a;`;
  const far = await startHub({ storage: gone });
  const post = await uploader(far, 'd');
  const { status, json } = await post('', { blobName: 'a' });
  expect(status).toBe(503);
  expect(JSON.stringify(json)).not.toContain(KEY);
  await far.close();
});

test.each<[EmulatorOptions, string]>([
  [{ storageContainer: 'uploads' }, 'storageContainer needs storage'],
  [{ storage: 'UseDevelopmentStorage=true', storageContainer: 'A' }, "'A' is not a container name"],
])('an option that does not fit is rejected: %j', async (options, reason) => {
  await expect(startEmulator(options)).rejects.toThrow(reason);
});

test.each(['x', 'BlobEndpoint=http://127.0.0.1:1/a;SharedAccessSignature=sv=secret'])(
  'a connection string without an account key is rejected: %s',
  async (storage) => {
    await expect(startEmulator({ storage })).rejects.toThrow(/^storage must be a connection string/);
  },
);
