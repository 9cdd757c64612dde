import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CodeBlock, readCodeBlocks } from '../clients/markdownPage';
import { findProgram } from '../clients/programs';
import { type Stack, startStack } from '../stack';

const MAX_LINES = 250;
const curl = findProgram('curl', 'curl');

let stack: Stack;
let blocks: CodeBlock[];
beforeAll(async () => {
  stack = await startStack();
  blocks = await readCodeBlocks('README.md');
});
afterAll(() => stack.close());

test('is short', async () => {
  expect((await readFile('README.md', 'utf8')).split('\n').length).toBeLessThanOrEqual(MAX_LINES);
});

/** Runs commands as they are printed, in one shell, with the address of this test's server. */
async function paste(commands: string): Promise<string> {
  const child = spawn('sh', ['-euc', commands.replaceAll('localhost:7071', new URL(stack.host.url).host)]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise((resolve) => child.once('close', resolve));
  expect(status, output).toBe(0);
  return output;
}

describe.skipIf(!curl)('the commands of "Try it"', () => {
  test('can be pasted twice: each time the message arrives, and then there is nothing new', async () => {
    const commands = blocks.filter(({ section }) => section === 'Try it').map(({ code }) => code);
    expect(commands).toHaveLength(4);
    for (let times = 1; times <= 2; times += 1) {
      const output = await paste(commands.join('\necho\n'));
      expect(output).toContain('"deviceInfo":{"deviceId":"webClient101"');
      expect(output).toContain('1 message(s) from webClient101 sent successfully');
      expect(output.match(/"messages":\[\{/g)).toHaveLength(1);
      expect(output.match(/"messages":\[\]/g)).toHaveLength(1);
      expect(output.match(/"Data":\{"event":"browse_product","product_id":162\}/g)).toHaveLength(times);
      expect(output).not.toContain('"code"');
    }
  });
});
