/** Checks the deployment package: its size, its files, and that it contains no secret. */

import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import ignore from 'ignore';
import { buildApp } from '../../local/build';

const MAX_ZIPPED_BYTES = 5 * 1024 * 1024;
/** Bytes per file in a zip, in addition to the content and twice the name. */
const ZIP_ENTRY_BYTES = 30 + 46;

/** Files that a package may contain: bundles with their source maps and licences, but no `node_modules`. */
const BELONGS = /^(?:host\.json|package\.json|dist\/[\w./-]+\.js(?:\.map|\.LEGAL\.txt)?)$/;
const MUST_BE_THERE = ['host.json', 'package.json', 'dist/app.js'];

/**
 * Patterns of secrets. A name that is a part of a longer identifier is not matched: it is code, not a connection
 * string.
 */
const SECRETS: [RegExp, string][] = [
  [/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s*[A-Za-z0-9+/]{40}/, 'a private key'],
  [/(?<![\w$.])SharedAccessKey=[A-Za-z0-9+/]{20,}={0,2}/, 'a shared access key'],
  // Azurite's published key is part of the storage SDK.
  [
    /(?<![\w$.])AccountKey=(?!Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq)[A-Za-z0-9+/]{20,}/,
    'a storage key',
  ],
  [/[?&]sig=[A-Za-z0-9%]{30,}/, 'a shared access signature'],
  [/postgres(?:ql)?:\/\/[^\s:/'"`$]+:[^\s@'"`$]+@/, "a database's password"],
];

export interface DeployPackage {
  /** paths relative to the project, with forward slashes */
  files: string[];
  zippedBytes: number;
  /** problems, one sentence each; empty if the package can be deployed */
  problems: string[];
}

/**
 * Inspects the files that `azd deploy` and `func azure functionapp publish` upload from a folder: all that
 * `.funcignore` does not exclude.
 */
export function inspectPackage(folder: string): DeployPackage {
  const patterns = readFileSync(join(folder, '.funcignore'), 'utf8');
  const ignored = ignore().add(patterns);
  const files = filesBelow(folder, '', (path) => ignored.ignores(path));
  const problems = MUST_BE_THERE.filter((file) => !files.includes(file)).map((file) => `${file} is missing`);
  // azd 1.23.12 and newer: `'remoteBuild: false' cannot be used when '.funcignore' excludes node_modules`.
  if (ignored.ignores('node_modules/')) {
    problems.push(
      '.funcignore ignores the folder node_modules itself, which azd refuses without a remote build',
    );
  }
  for (const letIn of patterns.matchAll(/^!\/?(\S+)/gm)) {
    // Core Tools: a line with `!` overrides all other lines, and applies to every path with this prefix.
    if ('node_modules/a/index.js'.startsWith(letIn[1] ?? '')) {
      problems.push(`.funcignore makes Core Tools upload node_modules, because of ${letIn[0]}`);
    }
  }
  let zippedBytes = 0;
  for (const file of files) {
    if (!BELONGS.test(file)) problems.push(`${file} does not belong in the package`);
    const content = readFileSync(join(folder, file));
    zippedBytes += deflateRawSync(content).length + ZIP_ENTRY_BYTES + 2 * Buffer.byteLength(file);
    const text = content.toString('utf8').replaceAll('\\\n', ''); // the bundler breaks long lines inside texts
    for (const [secret, what] of SECRETS) if (secret.test(text)) problems.push(`${file} holds ${what}`);
    if (text.includes(folder + sep)) problems.push(`${file} contains the path of a folder on this machine`);
  }
  if (zippedBytes > MAX_ZIPPED_BYTES) {
    problems.push(
      `the package is ${megabytes(zippedBytes)} zipped, more than ${megabytes(MAX_ZIPPED_BYTES)}`,
    );
  }
  return { files, zippedBytes, problems };
}

/** Does not read folders that a package cannot contain. */
function filesBelow(folder: string, below: string, ignores: (path: string) => boolean): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.name === '.git' || ignores(entry.isDirectory() ? `${path}/` : path)) return [];
    return entry.isDirectory() ? filesBelow(folder, path, ignores) : [path];
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}

/** `npm run package:check`: builds the app and inspects the files that would be uploaded. */
export async function main(): Promise<void> {
  await buildApp();
  const { files, zippedBytes, problems } = inspectPackage(process.cwd());
  for (const file of files) console.log(file);
  for (const problem of problems) console.error(`package:check: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`package:check: ${files.length} files, ${megabytes(zippedBytes)} zipped`);
}
