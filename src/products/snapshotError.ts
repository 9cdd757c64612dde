/** A failure that the app itself found: its message is safe to log. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/** Errors that an operator can fix, by SQLSTATE (postgresql.org, "PostgreSQL Error Codes"). QUERY stands for the setting. */
const SQL_STATES: Readonly<Record<string, string>> = {
  '25006': 'QUERY would write',
  '28000': 'PostgreSQL rejected the user',
  '28P01': 'the password of PRODUCTS_DATABASE_URL is wrong',
  '3D000': 'the database does not exist',
  '42501': 'the user may not read a table of QUERY',
  '42601': 'QUERY has a syntax error',
  '42703': 'a column of QUERY does not exist',
  '42P01': 'a table of QUERY does not exist',
  '53300': 'PostgreSQL has too many connections',
  '57014': 'QUERY took too long',
};
/** Error texts of the database driver that do not depend on settings. */
const DRIVER_SENTENCES =
  /^(?:timeout expired|Connection terminated[a-z ]*|The server does not support SSL connections)$/;
const CODE = /^\w{1,60}$/;

/**
 * Why there is no snapshot, in our own words and with the code of the error. The text of the driver or SDK is omitted,
 * because it may quote parts of a URL or a request, including secrets.
 */
export function snapshotFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { name, message } = error;
  // Compared by name, because the class comes from another bundle.
  if (name === 'SnapshotError' || DRIVER_SENTENCES.test(message)) return message;
  const { code, statusCode, severity, setting } = error as {
    code?: unknown;
    statusCode?: unknown;
    severity?: unknown;
    setting?: unknown;
  };
  const kind = typeof code === 'string' && CODE.test(code) ? code : name;
  const query = setting === 'SKUS_QUERY' ? setting : 'PRODUCTS_QUERY';
  if (severity !== undefined)
    return `${SQL_STATES[kind]?.replace('QUERY', query) ?? 'PostgreSQL failed'} (SQLSTATE ${kind})`;
  if (name !== 'RestError') return `the database or the storage could not be reached or failed (${kind})`;
  const status = typeof statusCode === 'number' ? `, status ${statusCode}` : '';
  return `the storage could not be reached or failed (${kind}${status})`;
}
