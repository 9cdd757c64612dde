import { readFile, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { WebApp } from '../webServer';

/** Serves the files of the deployed Power BI report as text. */
const REPORT_FOLDER = join(__dirname, '..', '..', 'infra', 'powerbi');

/** `/report/` lists the files of the report's definition, `/report/<file>` is one of them. */
export function addReportRoutes(app: WebApp): void {
  app.get('/report/', async (context) => {
    const links = (await reportFiles()).map((file) => `<li><a href="${encodeURI(file)}">${file}</a></li>`);
    return context.html(
      `<!doctype html><html lang="en"><title>Power BI report</title><link rel="stylesheet" href="../dashboard.css"><main><h1>infra/powerbi</h1><ul>${links.join('')}</ul></main></html>`,
    );
  });
  app.get('/report/:file{.+}', async (context) => {
    const file = context.req.param('file');
    if (!(await reportFiles()).includes(file)) return context.notFound();
    return context.text(await readFile(join(REPORT_FOLDER, file), 'utf8'));
  });
}

async function reportFiles(): Promise<string[]> {
  const entries = await readdir(REPORT_FOLDER, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(REPORT_FOLDER, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}
