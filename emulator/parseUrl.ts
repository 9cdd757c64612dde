/** Parses the URL of a request. */

export interface RequestUrl {
  /** Of the path, decoded. A slash at the end adds none: the registry SDK lists devices at `/devices/`. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/** @param malformed returns the error for a path that is not valid percent-encoding */
export function parseUrl(url: string, malformed: (message: string) => Error): RequestUrl {
  const [path = '', query = ''] = url.split(/\?(.*)/s, 2);
  try {
    const segments = path.split('/').slice(1).map(decodeURIComponent);
    if (segments.at(-1) === '') segments.pop();
    return { segments, query: new URLSearchParams(query) };
  } catch {
    throw malformed('The path is not valid percent-encoding.');
  }
}
