/** Lists that show their first rows only, until the visitor asks for all of them. */

/**
 * Connects the button below a list. While the button is not expanded, the style sheet hides the list's later rows, and
 * it hides the button while the list has none.
 */
export function connectMoreButton(button: HTMLElement): void {
  button.addEventListener('click', () => {
    const isExpanded = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(isExpanded));
    button.textContent = isExpanded ? 'Show fewer' : 'Show all';
  });
}
