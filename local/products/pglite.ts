import type { PGlite } from '@electric-sql/pglite';

/** Size of WAL segments in MB. PGlite keeps its files in memory, and PostgreSQL's default segments have 16 MB. */
export const WAL_SEGMENT_MB = 1;
/**
 * Small buffers, because the demo shop's products need a few KB. PostgreSQL would use all of its default of 128 MB.
 */
export const DATABASE_CONFIGURATION = [
  'shared_buffers=8MB',
  'wal_buffers=64kB',
  'max_wal_size=4MB',
  'min_wal_size=2MB',
];

/**
 * Loads PGlite as an ES module. Its CommonJS build creates the URL of its own files without encoding, and fails if the
 * path of the folder contains `#` or `%`.
 */
export async function loadPGlite(): Promise<typeof PGlite> {
  const module = await import('@electric-sql/pglite');
  return module.PGlite;
}
