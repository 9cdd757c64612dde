/** Limits of the local product database. */

/** Enough for the snapshot, a psql session and a few more. PGlite runs their statements in turn. */
export const MAX_DATABASE_CONNECTIONS = 20;

/** Connections without a startup message. The oldest is closed for a new one, so that silent ones keep nobody out. */
export const MAX_SILENT_CONNECTIONS = 100;
