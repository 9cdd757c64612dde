import { z } from 'zod';
import { IotHubError } from '../iotHubError';
import { readDocument, type JsonObject } from '../twins';

/** Tags or desired properties, by the rules of twins. */
export const twinDocument = (name: string) =>
  z.json().transform((value, context): JsonObject => {
    try {
      return readDocument(value, name);
    } catch (error) {
      if (!(error instanceof IotHubError)) throw error;
      context.addIssue({ code: 'custom', message: error.text });
      return z.NEVER;
    }
  });
