/** Reads the sensors of the stores from the results of the analytics job. */

import { type Job, resultTable } from '../../analytics/job';
import { type RowOf, sensors } from './measures';
import { hasRows, jsonRows } from './resultRows';

/** The output of the query with one row per message of a sensor. Other queries may have none. */
const SENSOR_OUTPUT = 'sensor-readings';
const COLUMNS = ['device_id', 'store', 'temperature', 'door', 'reporting_interval'];

/** The newest state of each sensor; none if the query has no output for sensors. */
export async function readSensors({ connection, plan }: Job): Promise<RowOf<typeof sensors>[]> {
  const output = plan.outputs.find(({ name }) => name === SENSOR_OUTPUT);
  const isComplete = COLUMNS.every((column) => output?.columns.some(({ name }) => name === column));
  if (!isComplete || !(await hasRows(connection, SENSOR_OUTPUT))) return [];
  return sensors.rows.parse(await jsonRows(connection, sensors.sql(resultTable(SENSOR_OUTPUT))));
}
