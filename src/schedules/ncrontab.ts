/**
 * Parses schedules as the timer trigger of Azure Functions does. Its extension parses expressions with five or six
 * fields with NCrontab; six include seconds (Azure/azure-webjobs-sdk-extensions, CronSchedule.cs). NCrontab differs
 * from other cron libraries: a day must match both the day of the month and the day of the week, Sunday is only 0,
 * names may be shortened to a single letter, ranges may be reversed, and `?`, `L`, `W` and `#` are not supported.
 */
export interface Schedule {
  /** The first time after `after`, in whole seconds, UTC. Undefined if there is none (30 February). */
  next: (after: Date) => Date | undefined;
}

interface Field {
  least: number;
  most: number;
  names?: readonly string[];
}

const SECOND: Field = { least: 0, most: 59 };
const FIELDS: readonly Field[] = [
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  {
    least: 1,
    most: 12,
    names: [
      ...['january', 'february', 'march', 'april', 'may', 'june', 'july'],
      ...['august', 'september', 'october', 'november', 'december'],
    ],
  },
  {
    least: 0,
    most: 6,
    names: ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'],
  },
];

/** Like .NET's `int.Parse`, which accepts a sign, white space around the digits, and trailing NUL characters. */
const INTEGER = /^[\t-\r ]*([+-]?\d+)[\t-\r ]*\0*$/;
/** .NET ignores these characters when it compares names: pasted text may contain a zero-width space, for example. */
const INVISIBLE = /[\p{Cf}\0]/gu;
const MAX_INT = 2 ** 31 - 1;
/** Dates and weekdays repeat after 400 years, so a date that does not occur by then does not occur at all. */
const CALENDAR_YEARS = 400;

/** @returns undefined if the timer trigger would reject the expression */
export function parseSchedule(expression: string): Schedule | undefined {
  const tokens = expression.split(' ').filter((token) => token !== '');
  if (tokens.length !== 5 && tokens.length !== 6) return undefined;
  const fields = tokens.length === 6 ? [SECOND, ...FIELDS] : FIELDS;
  const values = fields.map((field, i) => fieldValues(tokens[i] ?? '', field));
  if (!values.every((set) => set !== undefined)) return undefined;
  const [seconds = [], minutes = [], hours = [], days = [], months = [], weekdays = []] =
    values.length === 6 ? values : [[0], ...values];
  return { next: (after) => nextOccurrence({ seconds, minutes, hours, days, months, weekdays }, after) };
}

/** @returns the values in ascending order, or undefined */
function fieldValues(text: string, field: Field): number[] | undefined {
  const values = new Set<number>();
  // A list must not begin with a comma. NCrontab would treat the whole list as one value and reject it.
  for (const part of text.indexOf(',') > 0 ? text.split(',') : [text]) {
    const range = rangeOf(part, field);
    if (range === undefined) return undefined;
    for (let value = range.first; value <= range.last; value += range.step) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

interface Range {
  first: number;
  last: number;
  step: number;
}

function rangeOf(part: string, field: Field): Range | undefined {
  const slash = part.indexOf('/');
  const every = slash > 0 ? parseInteger(part.slice(slash + 1)) : undefined;
  if (slash > 0 && every === undefined) return undefined;
  const bounds = boundsOf(slash > 0 ? part.slice(0, slash) : part, every !== undefined, field);
  if (bounds === undefined) return undefined;
  const [first, last] = bounds;
  const step = Math.max(1, every ?? 1);
  // NCrontab computes with 32 bits and fails beyond them.
  if (first - field.least + step > MAX_INT) return undefined;
  const isInRange = first >= field.least && first <= field.most && last <= field.most;
  return isInRange ? { first, last, step } : undefined;
}

function boundsOf(text: string, isStepped: boolean, field: Field): [number, number] | undefined {
  if (text === '*') return [field.least, field.most];
  const dash = text.indexOf('-');
  const first = parseValue(dash > 0 ? text.slice(0, dash) : text, field);
  const last = dash > 0 ? parseValue(text.slice(dash + 1), field) : isStepped ? field.most : first;
  if (first === undefined || last === undefined) return undefined;
  return dash > 0 ? [Math.min(first, last), Math.max(first, last)] : [first, last];
}

function parseValue(text: string, { least, names = [] }: Field): number | undefined {
  if (/^\d/.test(text)) return parseInteger(text);
  const letters = text.replace(INVISIBLE, '').toLowerCase();
  const index = text === '' ? -1 : names.findIndex((name) => name.startsWith(letters));
  return index < 0 ? undefined : least + index;
}

function parseInteger(text: string): number | undefined {
  const value = Number(INTEGER.exec(text)?.[1] ?? NaN);
  return value >= -MAX_INT - 1 && value <= MAX_INT ? value : undefined;
}

interface Occurrences {
  seconds: readonly number[];
  minutes: readonly number[];
  hours: readonly number[];
  days: readonly number[];
  months: readonly number[];
  weekdays: readonly number[];
}

const DAY_S = 86_400;

function nextOccurrence(times: Occurrences, after: Date): Date | undefined {
  const from = new Date(Math.floor(after.getTime() / 1_000) * 1_000 + 1_000);
  const firstYear = from.getUTCFullYear();
  const today = Date.UTC(firstYear, from.getUTCMonth(), from.getUTCDate());
  const secondOfDay = (from.getTime() - today) / 1_000;
  for (let year = firstYear; year <= firstYear + CALENDAR_YEARS; year += 1) {
    for (const month of times.months) {
      for (const day of times.days) {
        const date = new Date(Date.UTC(year, month - 1, day));
        if (date.getUTCMonth() !== month - 1 || date.getTime() < today) continue;
        if (!times.weekdays.includes(date.getUTCDay())) continue;
        const second = firstSecond(times, date.getTime() === today ? secondOfDay : 0);
        if (second < DAY_S) return new Date(date.getTime() + second * 1_000);
      }
    }
  }
  return undefined;
}

/** The first matching second of a day from `from` on; the length of a day if there is none. */
function firstSecond({ seconds, minutes, hours }: Occurrences, from: number): number {
  for (const hour of hours) {
    if ((hour + 1) * 3_600 <= from) continue;
    for (const minute of minutes) {
      const start = hour * 3_600 + minute * 60;
      if (start + 60 <= from) continue;
      const second = seconds.find((value) => start + value >= from);
      if (second !== undefined) return start + second;
    }
  }
  return DAY_S;
}
