/** The routes of file uploads (rest/api/iothub/device/create-file-upload-sas-uri, …/update-file-upload-status). */

import { z } from 'zod';
import type { Hub } from '../hub';
import type { HubResponse } from '../httpsServer';
import { IotHubError } from '../iotHubError';
import { deviceRoute } from './deviceRoute';
import type { HubRequest, Route } from './route';
import { readJson } from './serviceRoute';

/** A name of a blob has at most 1,024 characters. */
const MAX_BODY_BYTES = 16 * 1024;

const beginning = z.object({ blobName: z.string() });
const ending = z.object({ correlationId: z.string().optional(), isSuccess: z.boolean() });

export function fileRoutes(hub: Hub): Route[] {
  const route = (
    path: readonly string[],
    handle: (deviceId: string, request: HubRequest) => Promise<HubResponse>,
  ): Route =>
    deviceRoute(
      hub,
      {
        target: 'files',
        method: 'POST',
        path: ['devices', '*', 'files', ...path],
        maxBodyBytes: MAX_BODY_BYTES,
      },
      ({ deviceId }, request) => handle(deviceId, request),
    );
  const end = async (deviceId: string, request: HubRequest): Promise<HubResponse> => {
    const parsed = ending.safeParse(readJson(request));
    // Microsoft's SDK for Node sends the correlation id in the path, others send it in the body.
    const correlationId = request.segments[4] ?? parsed.data?.correlationId;
    if (!parsed.success || correlationId === undefined) {
      throw new IotHubError('ArgumentInvalid', 'The body must have a correlationId and isSuccess.');
    }
    await hub.files.end(deviceId, correlationId, parsed.data.isSuccess);
    return { status: 204 };
  };

  return [
    route([], async (deviceId, request) => {
      const parsed = beginning.safeParse(readJson(request));
      if (!parsed.success) throw new IotHubError('ArgumentInvalid', 'The body must have a blobName.');
      const { blobName } = parsed.data;
      return { status: 200, body: await hub.files.begin(deviceId, blobName, request.emulatorHost()) };
    }),
    route(['notifications'], end),
    route(['notifications', '*'], end),
  ];
}
