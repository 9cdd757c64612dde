import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeAzure, FIRST_RUN, startFakeAzure, up } from './fakeAzure';

/** The keys and secrets of the function app, against a local fake with keys of both levels. */
describe('the keys of the function app', () => {
  let azure: FakeAzure;
  beforeEach(async () => {
    azure = await startFakeAzure();
  });
  afterEach(() => azure.close());
  const sent = (): string[] => azure.changes.splice(0);

  it('creates keys that open one function each: the public one opens no feed', async () => {
    await up(azure);
    expect(azure.opens(azure.state.functionKeys.registerDevice?.web)).toEqual(['registerDevice']);
    expect(azure.opens(azure.state.functionKeys.messageFeed?.worker)).toEqual(['messageFeed']);
    expect(Object.keys(azure.state.hostKeys)).toEqual(['default', 'keep-alive']);
  });

  it('narrows the host keys of an earlier deployment: callers keep their key, and it opens one function', async () => {
    Object.assign(azure.state.hostKeys, { web: 'published-in-a-page', worker: 'kept-by-the-worker' });
    expect(azure.opens('published-in-a-page')).toContain('messageFeed');
    await up(azure);
    expect(azure.opens('published-in-a-page')).toEqual(['registerDevice']);
    expect(azure.opens('kept-by-the-worker')).toEqual(['messageFeed']);
    expect(azure.said.filter((line) => line.includes('deleted'))).toEqual([
      'Functions: host key web deleted. It opened every function; with the same value, it now opens only registerDevice',
      'Functions: host key worker deleted. It opened every function; with the same value, it now opens only messageFeed',
    ]);
    expect(azure.said.join()).not.toContain('published-in-a-page');
  });

  it('narrows them in the next run when the first breaks between creating and deleting', async () => {
    Object.assign(azure.state.hostKeys, { web: 'published-in-a-page' });
    azure.refuse('DELETE /functionKeys/web', 403, undefined, 1);
    await expect(up(azure)).rejects.toThrow(/returned 403/);
    await up(azure);
    expect(azure.opens('published-in-a-page')).toEqual(['registerDevice']);
  });

  it('waits for a Functions host that is starting', async () => {
    const starting = {
      Code: 'BadRequest',
      Message: 'Encountered an error (ServiceUnavailable) from host runtime.',
      Details: null,
    };
    for (const request of ['POST /host/default/listKeys', 'PUT /keys/web', 'POST /functions/messageFeed']) {
      azure.refuse(request, 400, starting, 2);
    }
    await up(azure);
    expect(sent()).toEqual(FIRST_RUN);
  });

  it('gives up on a host that never starts, with the code and message of Azure', async () => {
    azure.refuse('POST /host/default/listKeys', 400, {
      Code: 'BadRequest',
      Message: 'Encountered an error (InternalServerError) from host runtime.',
    });
    await expect(up(azure)).rejects.toThrow(
      /returned 400: BadRequest: Encountered an error \(InternalServerError\) from host runtime/,
    );
  });

  it.each([
    [{ error: { code: 'RequestDisallowedByPolicy', message: 'A policy denies it.' } }, /ByPolicy: A policy/],
    [{ Code: 'Conflict', Message: 'Another operation is running.' }, /Conflict: Another operation/],
    [
      '<?xml version="1.0"?><Error><Code>AuthorizationFailure</Code><Message>Not allowed.\nRequestId:1</Message></Error>',
      /AuthorizationFailure: Not allowed\.$/,
    ],
  ])('does not retry another 400, and says what Azure says (%j)', async (body, says) => {
    azure.refuse('PUT /keys/web', 400, body, 1);
    await expect(up(azure)).rejects.toThrow(says);
  });

  it('waits for a function that was just deployed', async () => {
    azure.refuse('POST /functions/messageFeed/listkeys', 404, undefined, 2);
    await up(azure);
    expect(azure.opens(azure.state.functionKeys.messageFeed?.worker)).toEqual(['messageFeed']);
  });

  it('refreshes Key Vault references until all are resolved', async () => {
    azure.environment.KEEP_ALIVE_ENABLED = 'false';
    delete azure.state.references.KEEP_ALIVE_FUNCTION_KEY;
    azure.state.references.PRODUCTS_DATABASE_URL = {
      secret: 'products-database-url',
      status: 'AccessToKeyVaultDenied',
    };
    // The role takes a while to be known.
    azure.refuse('POST /appsettings/refresh', 200, undefined, 3);
    azure.state.secrets['products-database-url'] = 'postgres://…';
    await up(azure);
    expect(azure.state.references.PRODUCTS_DATABASE_URL.status).toBe('Resolved');
    expect(azure.said).toContain('Functions: all Key Vault references are resolved');
    expect(azure.state.job?.jobState).toBe('Running');
  });

  it('names a Key Vault reference that stays unresolved', async () => {
    azure.state.references.PRODUCTS_DATABASE_URL = {
      secret: 'products-database-url',
      status: 'SecretNotFound',
    };
    await expect(up(azure)).rejects.toThrow(
      /PRODUCTS_DATABASE_URL \(secret products-database-url of kv-test\): SecretNotFound.*Key Vault Secrets User/,
    );
    expect(azure.state.job?.startModes).toEqual([]);
  });
});
