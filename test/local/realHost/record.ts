import { writeFileSync } from 'node:fs';
import { exchange } from './exchange';
import { REQUESTS } from './requests';
import { RESPONSES_FILE, type Row, comparable } from './table';

/** `npx tsx test/local/realHost/record.ts <port> <source>`: records the responses of the real host (README.md here). */
async function record(port: number, source: string): Promise<void> {
  const rows: Row[] = [];
  for (const [request, { bytes, end }] of Object.entries(REQUESTS)) {
    const response = await exchange(port, bytes, end).catch(() => undefined);
    rows.push({ request, ...(response && { response: comparable(response) }) });
  }
  writeFileSync(RESPONSES_FILE, [{ source }, ...rows].map((row) => `${JSON.stringify(row)}\n`).join(''));
}

const [port = '', source = ''] = process.argv.slice(2);
void record(Number(port), source);
