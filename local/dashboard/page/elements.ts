/** Elements of the page. */

export function part(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}`);
  return found;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== '') made.className = className;
  return made;
}

/** Writes a text only if it has changed, so that a screen reader does not announce it again. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The same for texts and elements. */
export function writeParts(element: HTMLElement, parts: readonly (string | HTMLElement)[]): void {
  const made = make('p');
  made.append(...parts);
  if (element.innerHTML !== made.innerHTML) element.replaceChildren(...made.childNodes);
}

/** Splits one of the page's own texts: what is between backticks becomes code. */
export const codeParts = (text: string): (string | HTMLElement)[] =>
  text.split('`').map((part, i) => (i % 2 === 0 ? part : make('code', part)));

/**
 * Replaces the rows of a list or table. Rows that have not changed stay in the page, so that a selected text stays
 * selected. A link keeps the focus, also if its row has changed. A text below the list is shown if there are no rows.
 */
export function replaceRows(list: HTMLElement, rows: readonly HTMLElement[]): void {
  const kept = new Map<string, Element[]>();
  for (const row of list.children) kept.set(row.outerHTML, [...(kept.get(row.outerHTML) ?? []), row]);
  const wanted: Element[] = rows.map((row) => kept.get(row.outerHTML)?.shift() ?? row);
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  for (const row of [...list.children]) if (!wanted.includes(row)) row.remove();
  wanted.forEach((row, i) => {
    const present = list.children[i];
    if (present !== row) list.insertBefore(row, present ?? null);
  });
  if (focused instanceof HTMLAnchorElement && focused !== document.activeElement) {
    const links = [...list.querySelectorAll('a')];
    const successor = links.includes(focused) ? focused : links.find(({ href }) => href === focused.href);
    successor?.focus({ preventScroll: true });
  }
  const nothing = list.closest('section')?.querySelector<HTMLElement>('.nothing');
  if (nothing) nothing.hidden = rows.length > 0;
}

/** A bar whose length is relative to the longest one. */
export function barRow(label: string, value: string, share: number): HTMLElement {
  const row = make('li');
  const bar = make('div', '', 'bar');
  const filled = make('i');
  filled.style.width = `${(100 * share).toFixed(2)}%`;
  bar.append(filled);
  row.append(make('span', label), make('span', value), bar);
  return row;
}
