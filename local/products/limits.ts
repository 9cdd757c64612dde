/** Limits of the local product database. */

/** Enough for the snapshot, a psql session and a few more. PGlite runs their statements in turn. */
export const MAX_DATABASE_CONNECTIONS = 20;
