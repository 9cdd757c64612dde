import type { DuckDBConnection } from '@duckdb/node-api';
import * as z from 'zod';
import { type Job, resultTable } from '../../analytics/job';
import { type Column, type Output, sqlName, sqlText } from '../../analytics/query';

/** The data that is sent to the page. Times are ISO 8601. */
export interface View {
  now: string;
  job: {
    status: 'waiting' | 'running' | 'stopped';
    problem: string | null;
    query: string;
  };
  counts: { events: number; rows: number; dropped: number; late: number; malformed: number };
  reference: { path: string; validFrom: string; rows: number } | null;
  nextReference: { path: string; validFrom: string } | null;
  /** counts of the last minutes, oldest first, including the current minute */
  minutes: { minute: string; events: number }[];
  products: {
    /** a text if a JavaScript number cannot represent the value exactly */
    productId: number | string | null;
    code: string | null;
    price: number | null;
    state: string | null;
    events: number;
  }[];
  /** the steps of the funnel, in order */
  funnel: { stage: string; events: number; visitors: number }[];
  /** the latest rows, newest first, with the columns of the query's output */
  latest: { columns: string[]; rows: (string | number | boolean | null)[][] };
  /** columns that the tiles need and that the query's output does not have */
  missing: string[];
}

const MINUTES = 15;
const TOP_PRODUCTS = 8;
const LATEST_ROWS = 30;
/** Maximum length of a cell's text. An event may have up to 256 KB. */
const MAX_CELL_CHARACTERS = 200;

const FIXED_SIZE_TYPES: ReadonlySet<string> = new Set(['bigint', 'float', 'bit', 'datetime']);

/** The events of the demo shop, in the order of a purchase. */
const FUNNEL = [
  ['Browse', 'browse_product'],
  ['Cart', 'add_to_cart'],
  ['Purchase', 'purchase'],
] as const;

/** The columns of the output of joined rows that the tiles read. */
const NEEDED = [
  'event',
  'message_id',
  'device_id',
  'product_id',
  'product_code',
  'price',
  'product_state',
] as const;

/**
 * The key by which events are counted. The rows of an event, one per SKU, share its message id, if it has one. The key
 * is a 64-bit hash, because counting distinct texts would keep all of them in memory.
 */
const EVENT =
  "hash(coalesce(message_id, concat_ws('/', device_id, CAST(__ts AS VARCHAR), CAST(__seq AS VARCHAR))))";

const minuteRows = z.array(z.object({ minute: z.string(), events: z.number() }));
const productRows = z.array(
  z.object({
    productId: z.union([z.number(), z.string()]).nullable(),
    code: z.string().nullable(),
    price: z.number().nullable(),
    state: z.string().nullable(),
    events: z.number(),
  }),
);
const funnelRows = z.array(z.object({ event: z.string(), events: z.number(), visitors: z.number() }));
const latestRows = z.array(z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])));

/** Reads the results of a job for the dashboard. */
export function createView({ plan, connection, state }: Job, queryFile: string): () => Promise<View> {
  const joined = joinedOutput(plan.outputs);
  const table = resultTable(joined?.name ?? '');
  const known = (joined?.columns ?? []).filter(({ kind }) => kind === 'column');
  const isTime = ({ type }: Column): boolean => type === 'datetime';
  // The time is the first column.
  const columns = [...known.filter(isTime), ...known.filter((one) => !isTime(one))].map(({ name }) => name);
  const missing = NEEDED.filter((name) => !columns.includes(name));

  return async () => {
    const { status, problem, counts, reference, next } = state();
    const readable = missing.length === 0 && (await exists(connection, joined?.name ?? ''));
    const read = async <T>(rows: z.ZodType<T[]>, sql: string): Promise<T[]> =>
      readable ? rows.parse(await jsonRows(connection, sql)) : [];
    const funnel = await read(
      funnelRows,
      `SELECT event, count(DISTINCT ${EVENT}) AS events, count(DISTINCT device_id) AS visitors
       FROM ${table} WHERE event IN (${FUNNEL.map(([, event]) => sqlText(event)).join(', ')}) GROUP BY event`,
    );
    const [total] = await read(
      z.array(z.object({ rows: z.number() })),
      `SELECT count(*) AS rows FROM ${table}`,
    );
    return {
      now: new Date().toISOString(),
      job: { status, problem: problem ?? null, query: queryFile },
      counts: {
        events: counts.events,
        rows: total?.rows ?? 0,
        dropped: counts.malformed + counts.untimed + counts.early + counts.lateDropped,
        late: counts.late,
        malformed: counts.malformed,
      },
      reference: reference
        ? {
            path: reference.path,
            validFrom: new Date(reference.validFrom).toISOString(),
            rows: reference.rows,
          }
        : null,
      nextReference: next ? { path: next.path, validFrom: new Date(next.validFrom).toISOString() } : null,
      minutes: minuteRows.parse(
        await jsonRows(
          connection,
          `SELECT strftime(minute, '%Y-%m-%dT%H:%M:00Z') AS minute, count(DISTINCT ${EVENT}) FILTER (WHERE __ts IS NOT NULL) AS events
         FROM (SELECT unnest(range(date_trunc('minute', now() AT TIME ZONE 'UTC') - INTERVAL '${MINUTES - 1} minutes',
           date_trunc('minute', now() AT TIME ZONE 'UTC') + INTERVAL '1 minute', INTERVAL '1 minute')) AS minute)
         LEFT JOIN ${readable ? table : '(SELECT NULL::TIMESTAMP AS __ts, NULL AS message_id, NULL AS device_id, NULL AS __seq)'} ON date_trunc('minute', __ts) = minute GROUP BY minute ORDER BY minute`,
        ),
      ),
      products: await read(
        productRows,
        `SELECT product_id AS "productId", arg_max(left(product_code, ${MAX_CELL_CHARACTERS}), __ts) AS code, arg_max(price, __ts) AS price,
           arg_max(left(product_state, ${MAX_CELL_CHARACTERS}), __ts) AS state, count(DISTINCT ${EVENT}) AS events
         FROM ${table} WHERE product_id IS NOT NULL GROUP BY product_id ORDER BY events DESC, product_id LIMIT ${TOP_PRODUCTS}`,
      ),
      funnel: FUNNEL.map(([stage, event]) => {
        const found = funnel.find((row) => row.event === event);
        return { stage, events: found?.events ?? 0, visitors: found?.visitors ?? 0 };
      }),
      latest: {
        columns,
        rows: (
          await read(
            latestRows,
            `SELECT ${known.map(cell).join(', ')} FROM ${table} ORDER BY __ts DESC, rowid DESC LIMIT ${LATEST_ROWS}`,
          )
        ).map((row) => columns.map((column) => row[column] ?? null)),
      },
      missing,
    };
  };
}

/** A column of the latest rows. Long texts are truncated with an ellipsis. */
function cell({ name, type }: Column): string {
  const column = sqlName(name);
  if (FIXED_SIZE_TYPES.has(type)) return column;
  const text = `CAST(${column} AS VARCHAR)`;
  return `CASE WHEN length(${text}) > ${MAX_CELL_CHARACTERS} THEN left(${text}, ${MAX_CELL_CHARACTERS}) || '…' ELSE ${text} END AS ${column}`;
}

/** Selects the output that has most of the columns that the tiles read. */
function joinedOutput(outputs: readonly Output[]): Output | undefined {
  const fitting = ({ columns }: Output): number =>
    NEEDED.filter((name) => columns.some((column) => column.name === name)).length;
  return [...outputs].sort((a, b) => fitting(b) - fitting(a))[0];
}

async function exists(connection: DuckDBConnection, output: string): Promise<boolean> {
  const found = await connection.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE database_name = 'results' AND table_name = $output",
    { output },
  );
  return found.currentRowCount > 0;
}

/** A 64-bit integer as a number, or as text if a JavaScript number cannot represent it exactly. */
const exactNumber = (text: string): number | string =>
  Number.isSafeInteger(Number(text)) ? Number(text) : text;

/** Converts 64-bit integers to JSON numbers if these are exact, and datetimes to ISO 8601. */
async function jsonRows(connection: DuckDBConnection, sql: string): Promise<unknown[]> {
  const found = await connection.runAndReadAll(sql);
  return found.getRowObjectsJson().map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value], i) => {
        const type = String(found.columnType(i));
        if (typeof value === 'string' && type === 'BIGINT') return [key, exactNumber(value)];
        if (typeof value === 'string' && type === 'TIMESTAMP') return [key, `${value.replace(' ', 'T')}Z`];
        return [key, value];
      }),
    ),
  );
}
