import { type InvocationContext, type Timer, app } from '@azure/functions';
import type { ProductSnapshot } from '../products/productSnapshot';
import { snapshotFailure } from '../products/snapshotError';
import { DEFAULT_PRODUCTS_SCHEDULE } from '../settings';
import type { Startup } from '../startup';

/**
 * Timer: copies the products and SKUs from PostgreSQL to Blob storage, where the analytics job joins them with events. If it
 * fails, the previous snapshot stays in use, and the function execution fails, so that alerts see it.
 */
export function snapshotProducts({ settings, settingsProblem, log: logOf, redact }: Startup): void {
  app.timer('snapshotProducts', {
    schedule: settings?.productsSchedule ?? DEFAULT_PRODUCTS_SCHEDULE,
    handler: async (_: Timer, context: InvocationContext) => {
      const log = logOf(context);
      if (!settings) {
        log.error(`No product snapshot: ${settingsProblem ?? 'the settings are invalid'}`);
        return;
      }
      const { products } = settings;
      if (!products) {
        log.info('No product snapshot: PRODUCTS_DATABASE_URL and a storage for it are not set');
        return;
      }
      // Loaded lazily: an instance that serves pages needs no database driver.
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      const { takeSnapshot } = require('./productSnapshot.js') as ProductSnapshot;
      const start = performance.now();
      try {
        const { rows, bytes, path, unchanged } = await takeSnapshot(products);
        const took = `${rows.products} products, ${rows.skus} SKUs, ${bytes} bytes in ${Math.round(performance.now() - start)} ms`;
        log.info(`Product snapshot: ${took}: ${unchanged ? `the same as ${path}` : path}`);
      } catch (error) {
        // Without `cause`, because the host might log it unredacted.
        // eslint-disable-next-line preserve-caught-error
        throw new Error(redact(`No product snapshot, the last one stays in use: ${snapshotFailure(error)}`));
      }
    },
  });
}
