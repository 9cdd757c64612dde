/** So many characters of a secret in a row are a part of it. Fewer occur in any text by chance. */
const PART_LENGTH = 4;
const REDACTED = '[redacted]';

/** Credentials by their form, whoever they belong to: tokens, keys in connection strings, passwords in URLs. */
const CREDENTIALS = [
  /(?<=\bsig=)[^&;\s"']+/gi,
  /(?<=\b(?:SharedAccessKey|AccountKey|SharedAccessSignature|Password|pwd)\s*=\s*)[^;\s"']+/gi,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]+/gi,
  /(?<=\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/]+(?=@)/gi,
  /(?<=[?&]code=)[^&\s"']+/gi,
];

/** Replaces secrets in a text, and parts of them, however they are escaped and in whatever case. */
export type Redact = (text: string) => string;

/**
 * @param secrets of the settings; see `secretsOf`. What drivers and SDKs write into their errors is not known beforehand:
 * a password that was taken for a host name, for example.
 */
export function createRedactor(secrets: readonly string[]): Redact {
  const forms = new Set(secrets.flatMap(formsOf).map((form) => form.toLowerCase()));
  const short = [...forms].filter((form) => form.length < PART_LENGTH);
  const parts = new Set([...forms].flatMap(partsOf));
  return (text) => withoutShort(withoutParts(withoutCredentials(text), parts), short);
}

/** As it is, decoded, and as the places escape it in which it may turn up. */
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

function partsOf(form: string): string[] {
  const count = Math.max(0, form.length - PART_LENGTH + 1);
  return Array.from({ length: count }, (_, i) => form.slice(i, i + PART_LENGTH));
}

function withoutCredentials(text: string): string {
  return CREDENTIALS.reduce((redacted, pattern) => redacted.replace(pattern, REDACTED), text);
}

function withoutParts(text: string, parts: ReadonlySet<string>): string {
  const lowerCase = text.toLowerCase();
  let redacted = '';
  let kept = 0; // text before this index is in `redacted`
  let secretEnd = -1; // of the run of parts that was found last
  for (let at = 0; at + PART_LENGTH <= lowerCase.length; at += 1) {
    if (!parts.has(lowerCase.slice(at, at + PART_LENGTH))) continue;
    if (at > secretEnd) redacted += text.slice(kept, at) + REDACTED;
    secretEnd = at + PART_LENGTH;
    kept = secretEnd;
  }
  return redacted + text.slice(kept);
}

/** A secret that is too short to have parts counts where it stands alone. */
function withoutShort(text: string, short: readonly string[]): string {
  return short.reduce((redacted, secret) => {
    const literal = secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    return redacted.replace(new RegExp(`(?<![\\w])${literal}(?![\\w])`, 'gi'), REDACTED);
  }, text);
}
