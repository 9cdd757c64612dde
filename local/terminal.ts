import { styleText } from 'node:util';

/** Formats lines: with colours and links on a terminal, as plain text in a pipe or a file or with NO_COLOR. */
export interface Terminal {
  strong: (text: string) => string;
  good: (text: string) => string;
  quiet: (text: string) => string;
  /** The URL as a link. */
  link: (url: string) => string;
}

type Format = Parameters<typeof styleText>[0];

export function createTerminal(stream: Partial<NodeJS.WriteStream> = process.stdout): Terminal {
  const isColoured = stream.isTTY === true && stream.hasColors?.() === true;
  const styled =
    (format: Format) =>
    (text: string): string =>
      isColoured ? styleText(format, text) : text;
  return {
    strong: styled('bold'),
    good: styled('green'),
    quiet: styled('gray'),
    // OSC 8. Terminals that do not support it ignore it.
    link: (url) => (isColoured ? `\u001b]8;;${url}\u001b\\${styleText('cyan', url)}\u001b]8;;\u001b\\` : url),
  };
}

/** Pads the first cells of a table's rows. */
export function table(rows: readonly (readonly [name: string, ...cells: string[]])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, ...cells]) =>
    [name.padEnd(width), ...cells.filter((cell) => cell !== '')].join('  '),
  );
}

/** Prints the current task. On a terminal, the line is replaced by the duration of the task. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const isTerminal = process.stdout.isTTY;
  process.stdout.write(isTerminal ? `${what} …` : `${what} …\n`);
  const result = await work();
  if (isTerminal) {
    const took = createTerminal().quiet(`${((performance.now() - start) / 1_000).toFixed(1)} s`);
    process.stdout.write(`\r\u001b[K${what}  ${took}\n`);
  }
  return result;
}
