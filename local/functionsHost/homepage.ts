import { html } from 'hono/html';
import type { HttpRoute } from './routes';

/** A part of the local stack that the page links to. */
export interface HomepageLink {
  name: string;
  url: string;
  description?: string;
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { border-bottom: 1px solid #ccc; padding: 0.4rem 0.8rem 0.4rem 0; text-align: left; vertical-align: top; }
  code { overflow-wrap: anywhere; }`;

/**
 * The page at `/`, which lists the functions and the other parts. The real host shows another page there.
 *
 * @param routes undefined if the app could not be loaded
 */
export async function homepageOf(
  origin: string,
  routes: readonly HttpRoute[] | undefined,
  links: readonly HomepageLink[],
): Promise<string> {
  const functions = html`<h2>HTTP functions</h2>
    <table>
      <tr>
        <th>Function</th>
        <th>Methods</th>
        <th>URL</th>
        <th>Access</th>
      </tr>
      ${routes?.map(
        (route) =>
          html`<tr>
            <td>${route.name}</td>
            <td>${route.methods.join(', ').toUpperCase()}</td>
            <td><code>${origin}/${route.template}</code></td>
            <td>${accessOf(route)}</td>
          </tr>`,
      )}
    </table>`;
  const others = html`<h2>What else runs</h2>
    <table>
      ${links.map(
        ({ name, url, description = '' }) =>
          html`<tr>
            <th>${name}</th>
            <td>${/^https?:/.test(url) ? html`<a href="${url}">${url}</a>` : html`<code>${url}</code>`}</td>
            <td>${description}</td>
          </tr>`,
      )}
    </table>`;
  const page = await html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Hubfront: functions</title>
      <style>
        ${STYLE}
      </style>
      <h1>The functions are ${routes ? 'running' : 'not running'}</h1>
      ${routes ? functions : html`<p>The app could not be loaded. The reason is in the log of this process.</p>`}
      ${links.length > 0 ? others : ''}
    </html> `;
  return page.toString();
}

function accessOf({ authLevel, isDisabled }: HttpRoute): string {
  if (isDisabled) return 'disabled by a setting';
  return { anonymous: 'without a key', function: 'with a function key', admin: 'with the master key' }[
    authLevel
  ];
}
