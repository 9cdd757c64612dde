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

/** Replaces the rows of a list or table if they have changed. A text below it is shown if there are none. */
export function replaceRows(list: HTMLElement, rows: readonly HTMLElement[]): void {
  const markup = rows.map(({ outerHTML }) => outerHTML).join('');
  if (list.dataset.markup !== markup) {
    list.dataset.markup = markup;
    list.replaceChildren(...rows);
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
