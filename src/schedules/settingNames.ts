/**
 * Replaces each `%NAME%` in a schedule by the value of that setting, as the Functions host does (WebJobs SDK,
 * NameResolverExtensions). Names of settings are not case-sensitive there.
 *
 * @returns undefined if a setting is absent, or if a `%` is unpaired
 */
export function resolveSettingNames(
  text: string,
  settings: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const parts = text.split('%');
  if (parts.length % 2 === 0) return undefined;
  const resolved = parts.map((part, i) => (i % 2 === 0 ? part : settingNamed(part, settings)));
  return resolved.every((part) => part !== undefined) ? resolved.join('') : undefined;
}

function settingNamed(
  name: string,
  settings: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const key = Object.keys(settings).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : settings[key];
}
