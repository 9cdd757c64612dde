import type { Answer, Stack } from './stack';

/** Polls the feed from a cursor to its end. @returns each page, until one has no more behind it */
export async function* feedPages(
  stack: Stack,
  { after_offset = '0', ...query }: Record<string, string | number> = {},
): AsyncGenerator<Answer> {
  let after = after_offset;
  for (let more = true; more;) {
    const page = await stack.feed({ ...query, after_offset: after });
    yield page;
    after = page.json.next_offset as string;
    more = page.json.has_more as boolean;
  }
}

/** Reads the feed from a cursor to its end. @returns the sequence numbers of each partition, in the order of the feed */
export async function readSequenceNumbers(pages: AsyncIterable<Answer>): Promise<Map<string, number[]>> {
  const seen = new Map<string, number[]>();
  for await (const { json } of pages) {
    for (const { partitionId, sequenceNumber } of json.messages as {
      partitionId: string;
      sequenceNumber: number;
    }[]) {
      seen.set(partitionId, [...(seen.get(partitionId) ?? []), sequenceNumber]);
    }
  }
  return seen;
}
