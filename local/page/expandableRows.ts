/** Lists that show their first rows only, until the visitor asks for all of them. */

/**
 * Connects the button below a list. While the button is not expanded, the style sheet hides the list's later rows, and
 * it hides the button while the list has none.
 *
 * @param what the list contains, in the plural
 * @returns what updates the label: `Show the newest 50 events`, or `Show all 31 events` if there are no older ones
 */
export function connectMoreButton(
  button: HTMLElement,
  what: string,
): (listed: number, total?: number) => void {
  let label = button.textContent;
  const isExpanded = (): boolean => button.getAttribute('aria-expanded') === 'true';
  const show = (): void => {
    const text = isExpanded() ? 'Show fewer' : label;
    if (button.textContent !== text) button.textContent = text;
  };
  button.addEventListener('click', () => {
    button.setAttribute('aria-expanded', String(!isExpanded()));
    show();
  });
  return (listed, total) => {
    label = `Show ${listed === total ? 'all' : 'the newest'} ${listed} ${what}`;
    show();
  };
}
