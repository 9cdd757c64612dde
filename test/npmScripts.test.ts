import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const manifests = spawnSync('git', ['ls-files', 'package.json', '*/package.json'], { encoding: 'utf8' })
  .stdout.trim()
  .split('\n')
  .filter((file) => !file.startsWith('test/'));

/** What cmd.exe, the shell of npm on Windows, does not know, or takes for text. */
const UNKNOWN_TO_CMD: Record<string, RegExp> = {
  'a command of POSIX shells':
    /(?:^|&& |\| )(?:exec|export|set|rm|cp|mv|mkdir|cat|test|sh|\.\/\S*|\w+=\S*)(?: |$)/,
  'a variable, a substitution or a comment': /[$`#]/,
  'two commands with a semicolon, or one in the background': /;|[^&]&(?!&)/,
  'quotes that are a part of the argument': /(?:^|[\s=])'/,
};

describe.each(manifests)('%s', (file) => {
  const { scripts = {} } = JSON.parse(readFileSync(file, 'utf8')) as { scripts?: Record<string, string> };
  const commands = Object.values(scripts).map((command) => command.replace(/"[^"]*"/g, '""'));
  test.each(Object.entries(UNKNOWN_TO_CMD))('has no script with %s', (_, unknown) => {
    expect(commands.filter((command) => unknown.test(command))).toEqual([]);
  });
});
