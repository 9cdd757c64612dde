import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A fenced block of code in a Markdown page. */
export interface CodeBlock {
  /** the heading above it */
  section: string;
  language: string;
  /** exactly as printed */
  code: string;
  /** the name in "Save this as `name`", if that is the sentence above it */
  file?: string;
}

/** The code that a page shows, so that tests run it as it is printed. */
export async function readCodeBlocks(page: string): Promise<CodeBlock[]> {
  const blocks: CodeBlock[] = [];
  let section = '';
  let above = '';
  let open: CodeBlock | undefined;
  for (const line of (await readFile(page, 'utf8')).split('\n')) {
    const fence = /^```(\w*)$/.exec(line);
    if (open && !fence) open.code += `${line}\n`;
    else if (open) open = undefined;
    else if (fence) {
      const file = /Save this as `([^`]+)`/.exec(above)?.[1];
      open = { section, language: fence[1] ?? '', code: '', ...(file !== undefined && { file }) };
      blocks.push(open);
      above = '';
    } else {
      section = /^#+ (.*)/.exec(line)?.[1] ?? section;
      above = line === '' ? above : line;
    }
  }
  return blocks;
}

/** The only block of a section in that language. @throws if there is none or several */
export function blockOf(blocks: readonly CodeBlock[], section: string, language: string): string {
  const found = blocks.filter((block) => block.section === section && block.language === language);
  if (found.length !== 1) throw new Error(`${section} has ${found.length} blocks in ${language}`);
  return found[0]?.code ?? '';
}

/** Saves each file that the page asks its reader to save. */
export async function saveFiles(blocks: readonly CodeBlock[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { file, code } of blocks) if (file !== undefined) await writeFile(join(folder, file), code);
}
