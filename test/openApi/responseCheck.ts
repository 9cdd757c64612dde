import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApiDocument } from '../../local/openApi/document';

const document = openApiDocument() as any;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', components: document.components });

const validators = new Map<string, ValidateFunction>();

/** A schema of the description as a check; its references are to the description's components. */
function validatorOf(key: string, schema: unknown): ValidateFunction {
  const known = validators.get(key);
  if (known) return known;
  const resolved = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components'));
  const made = ajv.compile(resolved);
  validators.set(key, made);
  return made;
}

export interface SeenResponse {
  method: string;
  /** below `/api` */
  path: string;
  status: number;
  contentType: string | null;
  hasRetryAfter: boolean;
  text: string;
}

/**
 * Compares a response with the description of the HTTP API.
 *
 * @returns what differs, or undefined; also undefined for what the platform answers before the app runs
 */
export function undocumented({
  method,
  path,
  status,
  contentType,
  hasRetryAfter,
  text,
}: SeenResponse): string | undefined {
  const operation = document.paths[path]?.[method.toLowerCase()];
  // The platform rejects unknown routes and methods, and failed invocations, with an empty body.
  if (operation === undefined) return undefined;
  if (text === '' && [400, 401, 404, 408, 413, 414, 421, 431, 500, 502, 503].includes(status))
    return undefined;
  const where = `${method} ${path} ${status}`;
  const response = operation.responses[String(status)];
  if (response === undefined) return `${where} is not in the description of the HTTP API`;
  if (response.content === undefined)
    return text === '' ? undefined : `${where} has a body: ${text.slice(0, 200)}`;
  const mediaType = contentType?.split(';')[0] ?? '';
  const content = response.content[mediaType];
  if (content === undefined) return `${where} has the media type '${mediaType}'`;
  if (response.headers?.['Retry-After'] && status !== 207 && !hasRetryAfter && status === 429) {
    return `${where} has no Retry-After`;
  }
  if (mediaType === 'application/x-ndjson') {
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const page = { ...lines.pop(), messages: lines };
    return check(`${where} ndjson`, { $ref: '#/components/schemas/FeedPage' }, page);
  }
  return check(`${where} ${mediaType}`, content.schema, JSON.parse(text));
}

function check(key: string, schema: unknown, value: unknown): string | undefined {
  const validate = validatorOf(key, schema);
  if (validate(value)) return undefined;
  const errors = (validate.errors ?? [])
    .slice(0, 5)
    .map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
  return `${key} differs from the description of the HTTP API: ${errors.join('; ')}`;
}
