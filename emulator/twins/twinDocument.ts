import { z } from 'zod';
import { report } from '../report';
import type { JsonObject } from './json';
import { readDocument } from './readChange';
import { replaceDocument } from './section';

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
