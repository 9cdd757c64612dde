/** A day of a shop: how many visitors come in each second. */

export const DAY_SECONDS = 86_400;
/** The shop's busiest hour, without a campaign. */
const BUSIEST_SECOND = 20 * 3_600;
/** The busiest hour has about a tenth of the visitors: the curve goes from 0.1 to 2.4 times the average. */
const AVERAGE_SHARE = 0.1;
/** A campaign of a quarter of an hour brings a tenth of the day's visitors on top. */
const CAMPAIGN = { start: 12 * 3_600, seconds: 900, share: 0.1 };

/** Number of visitors who are expected in a second of the day. */
export function expectedVisitors(visitorsPerDay: number, second: number): number {
  const average = (visitorsPerDay * (1 - CAMPAIGN.share)) / DAY_SECONDS;
  const wave = (1 + Math.cos((2 * Math.PI * (second - BUSIEST_SECOND)) / DAY_SECONDS)) / 2;
  // The average of the square of `wave` over a day is 3/8.
  const regular = average * (AVERAGE_SHARE + (1 - AVERAGE_SHARE) * ((wave * wave * 8) / 3));
  const isCampaign = second >= CAMPAIGN.start && second < CAMPAIGN.start + CAMPAIGN.seconds;
  return regular + (isCampaign ? (visitorsPerDay * CAMPAIGN.share) / CAMPAIGN.seconds : 0);
}
