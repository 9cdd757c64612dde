/** Calls each function, also if one throws. Then throws the first error. */
export function closeAll(closers: readonly (() => void)[]): void {
  const errors: unknown[] = [];
  for (const close of closers) {
    try {
      close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
