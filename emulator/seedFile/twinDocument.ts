import { z } from 'zod';
import { readDocument, replaceDocument, type JsonObject } from '../twins';
import { report } from './report';

/** Tags or desired properties, by the rules of twins. */
export const twinDocument = (name: string, maxBytes: number) =>
  z.json().transform((value, context): JsonObject => {
    let document: JsonObject = {};
    report(context, () => {
      document = readDocument(value, name);
      replaceDocument({}, document, maxBytes);
    });
    return document;
  });
