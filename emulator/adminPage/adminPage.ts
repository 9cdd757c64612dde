/** The files of the admin page. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the page is beside this file, and in the package beside the bundle. */
const FOLDER = join(__dirname, 'page');

const CONTENT_TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
} as const;

/** The page loads only its own files, and no other page can embed it. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

type PageFile = keyof typeof CONTENT_TYPES;

/** The files of the page. The paths of their requests, below the path of the admin API, are their names. */
export const PAGE_FILES = Object.keys(CONTENT_TYPES) as readonly PageFile[];

export const pageResponse = (file: PageFile): Response =>
  new Response(readFileSync(join(FOLDER, file)), {
    headers: { ...HEADERS, 'Content-Type': CONTENT_TYPES[file] },
  });
