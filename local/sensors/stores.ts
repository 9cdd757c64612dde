/** The stores of the demo, each with one sensor in its storeroom. */

export interface Store {
  readonly deviceId: string;
  /** Published, so that a sensor can be registered again, and other programs can act for it. */
  readonly deviceKey: string;
  readonly name: string;
  /** Temperature of the storeroom while its door is closed, in °C. */
  readonly usualCelsius: number;
}

const sensor = (id: string, name: string, usualCelsius: number): Store => ({
  deviceId: `sensor-${id}`,
  deviceKey: Buffer.from(`Hubfront demo sensor ${id}`).toString('base64'),
  name,
  usualCelsius,
});

export const STORES: readonly Store[] = [
  sensor('ginza', 'Ginza', 19),
  sensor('osaka', 'Osaka', 20.5),
  sensor('sapporo', 'Sapporo', 16.5),
];
