/** Pages that show the API description in Swagger UI. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { HostPage } from '../functionsHost';
import { openApiYaml } from './index';

const PAGE = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width" />
  <title>Hubfront: HTTP API</title>
  <link rel="icon" href="data:," />
  <link rel="stylesheet" href="/docs/swagger-ui.css" />
  <div id="api"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/show.js"></script>
</html>
`;
const SCRIPT = `SwaggerUIBundle({ url: '/docs/openapi.yaml', dom_id: '#api', deepLinking: true });\n`;

/**
 * The pages that show the API description in Swagger UI, by path. Requests from the page go to the server that is
 * selected on it.
 */
export function apiDocumentation(): Readonly<Record<string, HostPage>> {
  const viewer = dirname(createRequire(__filename).resolve('swagger-ui-dist/package.json'));
  const viewerFile = (name: string, contentType: string): HostPage => ({
    contentType,
    read: () => readFile(join(viewer, name)),
  });
  const text = (contentType: string, make: () => string): HostPage => ({
    contentType,
    read: () => Promise.resolve(make()),
  });
  return {
    '/docs': text('text/html; charset=utf-8', () => PAGE),
    '/docs/show.js': text('text/javascript; charset=utf-8', () => SCRIPT),
    '/docs/openapi.yaml': text('application/yaml; charset=utf-8', openApiYaml),
    '/docs/swagger-ui.css': viewerFile('swagger-ui.css', 'text/css; charset=utf-8'),
    '/docs/swagger-ui-bundle.js': viewerFile('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
  };
}
