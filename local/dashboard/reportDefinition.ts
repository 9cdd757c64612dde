/** Reads the definitions of the Power BI reports that are deployed (PBIR: one JSON file per visual). */

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const REPORT_FOLDER = join(__dirname, '..', '..', 'infra', 'powerbi');

/** Power BI's numbers of aggregate functions (semanticQuery schema); `Count` counts distinct values. */
const SUM = 0;
const AVERAGE = 1;
const COUNT = 2;
const AGGREGATES = { [SUM]: 'sum', [AVERAGE]: 'average', [COUNT]: 'distinct' } as const;

/** The reports in the order in which they are shown. Others follow. */
const ORDER = ['product-events', 'events-per-minute', 'sensor-readings'];

const column = z.object({
  Expression: z.object({ SourceRef: z.object({ Entity: z.string() }) }),
  Property: z.string(),
});
const field = z.union([
  z.object({ Column: column }),
  z.object({
    Aggregation: z.object({
      Expression: z.object({ Column: column }),
      Function: z.union([z.literal(SUM), z.literal(AVERAGE), z.literal(COUNT)]),
    }),
  }),
]);
const projection = z.object({ field, nativeQueryRef: z.string(), displayName: z.string().optional() });
const definition = z.object({
  position: z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  visual: z.object({
    visualType: z.string(),
    query: z.object({
      queryState: z.record(z.string(), z.object({ projections: z.array(projection) })),
      sortDefinition: z
        .object({ sort: z.array(z.object({ field, direction: z.enum(['Ascending', 'Descending']) })) })
        .optional(),
    }),
    visualContainerObjects: z.object({
      title: z.tuple([
        z.object({
          properties: z.object({
            text: z.object({ expr: z.object({ Literal: z.object({ Value: z.string() }) }) }),
          }),
        }),
      ]),
    }),
  }),
});
const page = z.object({ displayName: z.string(), width: z.number(), height: z.number() });

export interface ReportField {
  label: string;
  column: string;
  aggregate: 'sum' | 'average' | 'distinct' | undefined;
}

export interface ReportVisual {
  type: string;
  title: string;
  /** position and size relative to the page, 0 to 1 */
  place: { left: number; top: number; width: number; height: number };
  /** the table that it reads: an output of the analytics query */
  table: string;
  fields: readonly ReportField[];
  sort: { field: ReportField; descending: boolean } | undefined;
}

export interface ReportPage {
  report: string;
  title: string;
  /** width divided by height */
  ratio: number;
  visuals: readonly ReportVisual[];
}

/** All pages of all reports. @throws if a file is missing, or contains a part that this program does not support */
export async function readReports(): Promise<ReportPage[]> {
  const reports = (await readdir(REPORT_FOLDER))
    .filter((name) => name.endsWith('.Report'))
    .sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  return (
    await Promise.all(
      reports.map(async (report) => {
        const pages = join(REPORT_FOLDER, report, 'definition', 'pages');
        const folders = (await readdir(pages, { withFileTypes: true })).filter((entry) =>
          entry.isDirectory(),
        );
        return Promise.all(
          folders.map(({ name }) => readPage(report.replace('.Report', ''), join(pages, name))),
        );
      }),
    )
  ).flat();
}

function place(report: string): number {
  const found = ORDER.indexOf(report.replace('.Report', ''));
  return found < 0 ? ORDER.length : found;
}

async function readPage(report: string, folder: string): Promise<ReportPage> {
  const { displayName, width, height } = page.parse(await readJson(join(folder, 'page.json')));
  const names = await readdir(join(folder, 'visuals'));
  const visuals = await Promise.all(
    names.map(async (name) => {
      const read = definition.parse(await readJson(join(folder, 'visuals', name, 'visual.json')));
      const { visual, position } = read;
      const projections = Object.values(visual.query.queryState).flatMap((one) => one.projections);
      const [sort] = visual.query.sortDefinition?.sort ?? [];
      const text = visual.visualContainerObjects.title[0].properties.text.expr.Literal.Value;
      return {
        type: visual.visualType,
        title: text.replace(/^'|'$/g, ''),
        place: {
          left: position.x / width,
          top: position.y / height,
          width: position.width / width,
          height: position.height / height,
        },
        table: columnOf(projections[0]?.field).Expression.SourceRef.Entity,
        fields: projections.map((one) => fieldOf(one.field, one.displayName ?? one.nativeQueryRef)),
        sort: sort && { field: fieldOf(sort.field, ''), descending: sort.direction === 'Descending' },
      };
    }),
  );
  visuals.sort((a, b) => a.place.top - b.place.top || a.place.left - b.place.left);
  return { report, title: displayName, ratio: width / height, visuals };
}

const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));

function columnOf(from: z.infer<typeof field> | undefined): z.infer<typeof column> {
  if (from === undefined) throw new Error('a visual without fields');
  return 'Column' in from ? from.Column : from.Aggregation.Expression.Column;
}

function fieldOf(from: z.infer<typeof field>, label: string): ReportField {
  const aggregate = 'Column' in from ? undefined : AGGREGATES[from.Aggregation.Function];
  return { label, column: columnOf(from).Property, aggregate };
}
