/** Formats numbers, amounts of money and times for people. */

/** The language of the page's own texts. */
const LOCALE = 'en-GB';
const whole = new Intl.NumberFormat(LOCALE);
const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockSeconds = new Intl.DateTimeFormat(LOCALE, {
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
});
const day = new Intl.DateTimeFormat(LOCALE, {
  ...{ dateStyle: 'long', timeStyle: 'long', hourCycle: 'h23' },
});
const currencies = new Map<string, Intl.NumberFormat | undefined>();

/** Stands for a value that is not known. */
export const ABSENT = '–';

/** An amount with more digits fills the tile, and its digits are no longer exact. */
const MAX_PLAIN_AMOUNT = 1e15;

export const number = (value: number): string => whole.format(value);

/** `2 orders`, `1 order` */
export const counted = (count: number, what: string): string =>
  `${number(count)} ${what}${count === 1 ? '' : 's'}`;

/** `¥4,900`, `€12.50`; an unknown currency is named after the amount. */
export function money(amount: number, currency: string | null): string {
  if (Math.abs(amount) >= MAX_PLAIN_AMOUNT) return `${amount.toPrecision(4)} ${currency ?? ''}`.trim();
  const format = currency === null ? undefined : currencyFormat(currency);
  if (format) return format.format(amount);
  const plain = amount.toLocaleString(LOCALE, { maximumFractionDigits: 2 });
  return currency === null ? plain : `${plain} ${currency}`;
}

function currencyFormat(currency: string): Intl.NumberFormat | undefined {
  if (!currencies.has(currency)) {
    let format: Intl.NumberFormat | undefined;
    try {
      format = new Intl.NumberFormat(LOCALE, {
        ...{ style: 'currency', currency, currencyDisplay: 'narrowSymbol' },
      });
    } catch {
      // Not an ISO 4217 code, because an event may contain any text.
    }
    currencies.set(currency, format);
  }
  return currencies.get(currency);
}

export const minuteOf = (iso: string): string => clock.format(new Date(iso));
/** `24 November 2026 at 10:00:00 UTC` */
export const dateAndTime = (date: Date): string => day.format(date);
/** The viewer's time zone: `UTC`, `CET`, `GMT+9` */
export const zoneName = (): string =>
  new Intl.DateTimeFormat(LOCALE, { timeZoneName: 'short' })
    .formatToParts()
    .find(({ type }) => type === 'timeZoneName')?.value ?? 'local time';
export const secondOf = (iso: string): string => clockSeconds.format(new Date(iso));

/** A text, such as the message of an error, as a sentence with a full stop. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** `3 s`, `12 min`, `5 h`, with a no-break space */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)}\u00a0s`;
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)}\u00a0min`;
  return `${Math.round(seconds / 3_600)}\u00a0h`;
}

const STATES = new Map([
  ['on_sale', 'Available'],
  ['pre_order', 'Pre-order'],
]);
/** The state of a product, as in the shop. Other states keep their names. */
export const stateName = (state: string): string => STATES.get(state) ?? words(state.replaceAll('_', ' '));

/** `BLACK` to `Black`, `sold out` to `Sold out` */
export const words = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).toLowerCase();
