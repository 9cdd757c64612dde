/** The Power BI report, drawn from its definition with the rows of this machine. */

import type { Job } from '../../analytics/job';
import { resultTable } from '../../analytics/job';
import { sqlName } from '../../analytics/query';
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { WebApp } from '../webServer';
import { type ReportField, type ReportPage, type ReportVisual, readReports } from './reportDefinition';
import { hasRows, jsonRows } from './resultRows';

const MAX_ROWS = 100;
const MAX_CELL_CHARACTERS = 80;
/** Longer texts in a table are wrapped. A time has 19 characters. */
const LONG_CHARACTERS = 24;

type Row = Record<string, unknown>;
type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

/** `/report/` shows each page of the reports in `infra/powerbi`, with the current figures. */
export function addReportRoutes(app: WebApp, { connection }: Pick<Job, 'connection'>): void {
  const rowsOf = async (visual: ReportVisual): Promise<Row[]> =>
    (await hasRows(connection, visual.table)) ? jsonRows(connection, sqlOf(visual)) : [];
  app.get('/report/', async (context) => {
    const pages = await Promise.all(
      (await readReports()).map(async (page) =>
        drawPage(
          page,
          await Promise.all(page.visuals.map(async (visual) => drawVisual(visual, await rowsOf(visual)))),
        ),
      ),
    );
    return context.html(
      html`<!doctype html>
        <html lang="en">
          <head>
            <meta charset="utf-8" />
            <meta name="viewport" content="width=device-width, initial-scale=1" />
            <meta name="color-scheme" content="light dark" />
            <title>Power BI report · Hubfront</title>
            <link rel="icon" href="data:," />
            <link rel="stylesheet" href="../dashboard.css" />
          </head>
          <body class="report">
            <header>
              <h1>Power BI report</h1>
              <nav aria-label="Pages"><a href="../">Dashboard</a> <a href="">Read the rows again</a></nav>
            </header>
            <main>
              <p class="intro">
                These are the reports that <code>azd up</code> publishes, drawn from their definitions in
                <code>infra/powerbi</code>, with the rows of this machine. Power BI itself draws them in its
                own style.
              </p>
              ${pages}
            </main>
          </body>
        </html>`,
    );
  });
}

function sqlOf({ table, fields, sort }: ReportVisual): string {
  const plain = fields.filter(({ aggregate }) => aggregate === undefined);
  const isGrouped = plain.length < fields.length;
  const group = isGrouped && plain.length > 0 ? `GROUP BY ${plain.map(expression).join(', ')}` : '';
  const order = sort
    ? `ORDER BY ${expression(sort.field)} ${sort.descending ? 'DESC' : 'ASC'} NULLS LAST`
    : '';
  const columns = fields.map((field, i) => `${expression(field)} AS c${i}`).join(', ');
  return `SELECT ${columns} FROM ${resultTable(table)} ${group} ${order} LIMIT ${MAX_ROWS}`;
}

function expression({ column, aggregate }: ReportField): string {
  const name = sqlName(column);
  if (aggregate === 'sum') return `sum(${name})`;
  if (aggregate === 'average') return `avg(${name})`;
  return aggregate === 'distinct' ? `count(DISTINCT ${name})` : name;
}

const drawPage = ({ report, title, ratio }: ReportPage, visuals: readonly Markup[]): Markup => html`
  <section aria-label="${title}">
    <h2>${title} <small>${report}</small></h2>
    <div class="canvas" style="aspect-ratio: ${ratio}">${visuals}</div>
  </section>
`;

function drawVisual(visual: ReportVisual, rows: readonly Row[]): Markup {
  const { left, top, width, height } = visual.place;
  const place = [left, top, width, height].map((part) => `${(100 * part).toFixed(3)}%`);
  const style = `left: ${place[0]}; top: ${place[1]}; width: ${place[2]}; height: ${place[3]}`;
  return html`
    <section class="visual ${visual.type}" style="${style}" aria-label="${visual.title}">
      <h3>${visual.title}</h3>
      <div class="scroll" tabindex="0" role="group" aria-label="${visual.title}">
        ${content(visual, rows)}
      </div>
    </section>
  `;
}

function content({ type, fields }: ReportVisual, rows: readonly Row[]): Markup {
  if (type === 'card') return html`<p class="value">${text(rows[0]?.c0 ?? 0)}</p>`;
  if (rows.length === 0) return html`<p class="empty">No rows yet</p>`;
  return type === 'tableEx' ? drawTable(fields, rows) : drawBars(fields, rows);
}

const drawTable = (fields: readonly ReportField[], rows: readonly Row[]): Markup => html`
  <table>
    <thead>
      <tr>
        ${fields.map(({ label }) => html`<th scope="col">${label}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${fields.map((field, i) => drawCell(row[`c${i}`], field))}
          </tr>`,
      )}
    </tbody>
  </table>
`;

/** Only long texts, such as URLs, are wrapped. */
function drawCell(value: unknown, field: ReportField): Markup {
  const shown = text(value, field);
  return shown.length > LONG_CHARACTERS ? html`<td class="long">${shown}</td>` : html`<td>${shown}</td>`;
}

/** Bar, line and funnel charts: a bar for each row, as long as its aggregate. */
function drawBars(fields: readonly ReportField[], rows: readonly Row[]): Markup {
  const valueAt = fields.findIndex(({ aggregate }) => aggregate !== undefined);
  const most = Math.max(1, ...rows.map((row) => Number(row[`c${valueAt}`])));
  const label = (row: Row): string =>
    fields.flatMap((field, i) => (i === valueAt ? [] : text(row[`c${i}`], field))).join(', ');
  return html`
    <ul class="bars">
      ${rows.map(
        (row) => html`
          <li>
            <span>${label(row)}</span><span>${text(row[`c${valueAt}`])}</span>
            <div class="bar"><i style="width: ${(100 * Number(row[`c${valueAt}`])) / most}%"></i></div>
          </li>
        `,
      )}
    </ul>
  `;
}

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

function text(value: unknown, field?: ReportField): string {
  if (value === null || value === undefined) return '(blank)';
  // An id is a name, not a quantity.
  if (typeof value === 'number')
    return field?.aggregate === undefined && field?.column.endsWith('_id')
      ? String(value)
      : number.format(value);
  const whole = (typeof value === 'string' ? value : JSON.stringify(value)).replace(
    /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\S*$/,
    '$1 $2',
  );
  return whole.length > MAX_CELL_CHARACTERS ? `${whole.slice(0, MAX_CELL_CHARACTERS)}…` : whole;
}
