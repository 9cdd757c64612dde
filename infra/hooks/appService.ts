/** URLs of the function app in Azure Resource Manager. */

import { type HookContext, armUrl, required } from './context';

const API_VERSION = 'api-version=2024-04-01';

/** URL of a part of the function app in Azure Resource Manager; `path` begins with a slash. */
export function appUrl(context: HookContext, path: string): string {
  const app = required(context, 'SERVICE_API_NAME');
  return `${armUrl(context, `Microsoft.Web/sites/${app}`)}${path}?${API_VERSION}`;
}
