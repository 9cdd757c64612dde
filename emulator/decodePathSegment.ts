/** Decodes a percent-encoded part of a path. Returns it unchanged if its encoding is malformed. */
export function decodePathSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
