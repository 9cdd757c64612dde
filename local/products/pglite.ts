import type { PGlite } from '@electric-sql/pglite';

/** In MB. PGlite keeps its files in memory; PostgreSQL's own segments have 16 MB. */
export const WAL_SEGMENT_MB = 1;
/** Small buffers: the demo shop's products take a few KB, and PostgreSQL's own 128 MB would all be touched. */
export const DATABASE_CONFIGURATION = [
  'shared_buffers=8MB',
  'wal_buffers=64kB',
  'max_wal_size=4MB',
  'min_wal_size=2MB',
];

/**
 * PGlite as an ES module: its CommonJS build finds its own files by a URL that it makes without encoding, and fails in a
 * folder with a `#` or a `%` in its path.
 */
export async function loadPGlite(): Promise<typeof PGlite> {
  const module = await import('@electric-sql/pglite');
  return module.PGlite;
}
