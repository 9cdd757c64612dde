/** Finds queries in pages and repositories. */

/** Words that only a query of Stream Analytics has: pages and repositories hold other SQL, too. */
const STREAM_ANALYTICS =
  /TIMESTAMP\s+BY|(Tumbling|Hopping|Sliding|Session)(Window)?\s*\(|System\.Timestamp|LIMIT\s+DURATION|APPLY\s+Get(Array|Record)|GetMetadataPropertyValue/i;
const SELECT = /\bselect\b/i;

const FENCE = /^[ \t]*```[ \t]*([A-Za-z-]*)[^\n]*\n([\s\S]*?)^[ \t]*```/gm;

/** The code of a Markdown page that has a SELECT, in order. */
export function fencedQueries(page: string): string[] {
  return [...plain(page).matchAll(FENCE)]
    .filter(([, language = '', code = '']) => /^(sql|asaql|)$/i.test(language) && SELECT.test(code))
    .map(([, , code = '']) => code);
}

/** The queries in a file of a public repository, in order. */
export function queriesOfFile(file: string, content: string): string[] {
  const text = plain(content);
  if (/\.s?asaql$|\.saql$/i.test(file)) return SELECT.test(text) ? [text] : [];
  if (/\.md$/i.test(file)) return fencedQueries(text).filter(isStreamAnalytics).flatMap(separateQueries);
  if (/\.json$/i.test(file)) return templateQueries(text);
  return isStreamAnalytics(text) ? separateQueries(text) : [];
}

const plain = (text: string): string => text.replaceAll('\r', '').replace(/^\uFEFF/, '');
const isStreamAnalytics = (text: string): boolean => SELECT.test(text) && STREAM_ANALYTICS.test(text);

/** A page may show several queries in one block. A WITH begins one; without WITH, so does a SELECT after an empty line. */
function separateQueries(block: string): string[] {
  const parts = block.split(/\n(?=[ \t]*WITH\s+\[?[\w ]+\]?\s+AS\s*\()/i);
  return parts
    .flatMap((part) =>
      /^\s*(?:--[^\n]*\n\s*)*(?:WITH|CREATE)\b/i.test(part)
        ? [part]
        : part.split(/\n[ \t]*\n(?=(?:[ \t]*--[^\n]*\n)*[ \t]*SELECT\b)/i),
    )
    .filter((part) => SELECT.test(part.replaceAll(/--[^\n]*/g, '')));
}

/** The queries of the streaming jobs in an ARM template. */
function templateQueries(text: string): string[] {
  if (!/streamingjobs/i.test(text)) return [];
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, one] of Object.entries(value))
      if (key === 'query' && typeof one === 'string' && SELECT.test(one)) found.push(one);
      else visit(one);
  };
  try {
    visit(JSON.parse(text));
  } catch {
    return [];
  }
  return found;
}
