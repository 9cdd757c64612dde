/** Removes secrets from lines before they are logged. */

/** This many consecutive characters of a secret count as a part of it. Fewer can occur in a text by chance. */
const PART_LENGTH = 8;
/**
 * Minimum length of a short secret that is redacted. Secrets shorter than PART_LENGTH are redacted only where they
 * stand alone.
 */
const MIN_SECRET_LENGTH = 4;
/**
 * A secret of at least this length with digits, lower and upper case is treated as a key: all its parts are redacted,
 * even if they look like words.
 */
const MIN_KEY_LENGTH = 16;
const REDACTED = '[redacted]';

/** Forms of credentials: tokens, keys in connection strings, passwords in URLs. */
const CREDENTIALS = [
  /(?<=\bsig=)[^&;\s"']+/gi,
  /(?<=\b(?:SharedAccessKey|AccountKey|SharedAccessSignature|Password|pwd)\s*=\s*)[^;\s"']+/gi,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]+/gi,
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/]+(?=@)/gi,
  /(?<=[?&]code=)[^&\s"']+/gi,
];

/** Replaces secrets in a line, and long parts of them, in any escaping and case. */
export type Redact = (line: string) => string;

/**
 * Creates a redactor: a second protection, for secrets that reach a line in spite of the first. The first is that lines
 * contain only our own texts, numbers and error codes, and no text of a driver or SDK. Words and numbers that may be
 * ours are not redacted, even if a password is the same word: a gap in a known text would damage the line, and would
 * reveal the password.
 *
 * @param secrets the secrets in the settings; see `secretsOf`
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const forms = secrets.flatMap((secret) => formsOf(secret).map((form) => ({ form, isKey: isKey(secret) })));
  const parts = new Map<string, boolean>();
  for (const { form, isKey } of forms)
    for (const part of partsOf(form)) parts.set(part, isKey || (parts.get(part) ?? false));
  const short = forms
    .map(({ form }) => form.toLowerCase())
    .filter(({ length }) => length >= MIN_SECRET_LENGTH && length < PART_LENGTH)
    .filter((form) => !mayBeOurs(form));
  return (line) => withoutShort(withoutParts(withoutCredentials(line), parts), short);
}

/** The forms of a secret: unchanged, decoded, and escaped for the places where it may occur. */
function formsOf(secret: string): string[] {
  const decoded = attempt(() => decodeURIComponent(secret));
  return [secret, decoded].flatMap((form) =>
    form === undefined
      ? []
      : [form, attempt(() => encodeURIComponent(form)) ?? form, JSON.stringify(form).slice(1, -1)],
  );
}

function attempt(work: () => string): string | undefined {
  try {
    return work();
  } catch {
    return undefined; // a lone surrogate, or a `%` that escapes nothing
  }
}

const isKey = (secret: string): boolean =>
  secret.length >= MIN_KEY_LENGTH && [/\d/, /[a-z]/, /[A-Z]/].every((characters) => characters.test(secret));

/** Words with their punctuation, such as `ECONNREFUSED` and `hubfront-local`, or numbers. */
const mayBeOurs = (text: string): boolean =>
  /^[\p{L}\s_.,:;'"()/-]*$/u.test(text) || /^[\d\s.,:-]*$/.test(text);

function partsOf(form: string): string[] {
  const count = Math.max(0, form.length - PART_LENGTH + 1);
  return Array.from({ length: count }, (_, i) => lowerCase(form).slice(i, i + PART_LENGTH));
}

function withoutCredentials(line: string): string {
  return CREDENTIALS.reduce((redacted, pattern) => redacted.replace(pattern, REDACTED), line);
}

/** @param parts of secrets in lower case, and whether they are parts of a key */
function withoutParts(line: string, parts: ReadonlyMap<string, boolean>): string {
  const searched = lowerCase(line);
  const partAt = (at: number) => parts.get(searched.slice(at, at + PART_LENGTH));
  let redacted = '';
  let kept = 0; // everything before this position is in `redacted`
  for (let at = 0; at < line.length; at += 1) {
    const start = at;
    let isOfKey = false;
    for (let part = partAt(at); part !== undefined; part = partAt(at)) {
      isOfKey ||= part;
      at += 1;
    }
    if (at === start) continue;
    const end = at + PART_LENGTH - 1;
    if (!isOfKey && mayBeOurs(line.slice(start, end))) continue;
    if (start >= kept) redacted += line.slice(kept, start) + REDACTED;
    kept = end;
  }
  return redacted + line.slice(kept);
}

/** Converts only ASCII, because other letters may become longer. */
const lowerCase = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

function withoutShort(line: string, short: readonly string[]): string {
  return short.reduce((redacted, secret) => {
    const literal = secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    return redacted.replace(new RegExp(`(?<![\\w])${literal}(?![\\w])`, 'gi'), REDACTED);
  }, line);
}
