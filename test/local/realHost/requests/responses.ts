import { type RawRequests, named, raw } from './rawRequest';

const RESPONSE_KINDS = [
  'nothing',
  'empty',
  'text',
  'bytes',
  'json',
  'emptyText',
  'created',
  '204',
  '204WithBody',
  '304',
  '304WithBody',
  '205',
  '299',
  '599',
  'typed',
  'length',
  'wrongLength',
  'chunked',
  'closing',
  'dated',
  'list',
  'cookies',
  'latin',
  'large',
];

export const RESPONSES: RawRequests = {
  ...named('response', RESPONSE_KINDS, (kind) => raw(`GET /api/responses/${kind}`)),
  ...named('response to HEAD', ['text', '204', 'large', 'nothing'], (kind) =>
    raw(`HEAD /api/responses/${kind}`),
  ),
  ...named('response to HTTP/1.0', ['text', '204', 'large'], (kind) =>
    raw(`GET /api/responses/${kind}`, { version: 'HTTP/1.0' }),
  ),
  ...named('response to Connection: close', ['text', '204', 'closing'], (kind) =>
    raw(`GET /api/responses/${kind}`, { headers: ['Connection: close'] }),
  ),
};
