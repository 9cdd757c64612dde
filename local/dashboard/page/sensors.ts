/** The panel of the store sensors. */

import type { View } from '../view';
import { make, part, replaceRows } from './elements';
import { ABSENT, dateAndTime, duration, secondOf, words } from './format';

/** A sensor is silent after so many missed reports. */
const MISSED_REPORTS = 3;
/** Messages take a moment to get here, so a short interval does not make a sensor silent at once. */
const MIN_SILENT_MS = 15_000;
/** For a sensor that does not send its interval. */
const USUAL_INTERVAL_S = 300;

const celsius = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function showSensors({ sensors, now }: View): void {
  replaceRows(
    part('sensors'),
    sensors.map((sensor) => {
      const silentMs = Date.parse(now) - Date.parse(sensor.seen);
      const limitMs = MISSED_REPORTS * 1_000 * (sensor.interval ?? USUAL_INTERVAL_S);
      const isSilent = silentMs > Math.max(limitMs, MIN_SILENT_MS);
      const row = make('li', '', isSilent ? 'silent' : '');
      const { store, temperature, deviceId } = sensor;
      row.append(
        make('h3', store ?? deviceId),
        make('p', temperature === null ? ABSENT : `${celsius.format(temperature)}\u00a0°C`, 'value'),
        make('p', doorText(sensor.door), sensor.door === 'open' ? 'door open' : 'door'),
        lastSeen(sensor.seen, isSilent ? silentMs : undefined),
      );
      row.title = deviceId;
      return row;
    }),
  );
}

function doorText(door: string | null): string {
  return door === null ? 'No door' : `Door ${words(door).toLowerCase()}`;
}

/** @param silentMs undefined: the sensor reports as expected */
function lastSeen(seen: string, silentMs: number | undefined): HTMLElement {
  const shown = make(
    'p',
    silentMs === undefined ? 'Last seen ' : `Silent for ${duration(silentMs)}, since `,
    'seen',
  );
  const time = make('time', secondOf(seen));
  time.dateTime = seen;
  time.title = dateAndTime(new Date(seen));
  shown.append(time);
  return shown;
}
