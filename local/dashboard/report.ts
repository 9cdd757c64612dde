import { readFile, readdir } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, relative, sep } from 'node:path';

/** The definition of the Power BI report that is deployed, as text. */
const REPORT_FOLDER = join(__dirname, '..', '..', 'infra', 'powerbi');

/** Answers `/report/` with the list of the definition's files, and `/report/<file>` with one of them. */
export async function serveReport(pathname: string, response: ServerResponse): Promise<void> {
  const files = await reportFiles();
  const wanted = decodeURIComponent(pathname.slice('/report/'.length));
  if (wanted === '') {
    const links = files.map((file) => `<li><a href="${encodeURI(file)}">${file}</a></li>`).join('');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(
      `<!doctype html><html lang="en"><title>Power BI report</title><link rel="stylesheet" href="../dashboard.css"><main><h1>infra/powerbi</h1><ul>${links}</ul></main></html>`,
    );
  } else if (files.includes(wanted)) {
    response.writeHead(200, {
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    response.end(await readFile(join(REPORT_FOLDER, wanted)));
  } else response.writeHead(404).end();
}

async function reportFiles(): Promise<string[]> {
  const entries = await readdir(REPORT_FOLDER, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(REPORT_FOLDER, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
