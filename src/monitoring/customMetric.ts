import type { EntraId } from '../iothub/registry/entraId';

/** The audience of tokens for custom metrics, with its trailing slash (metrics-store-custom-rest-api). */
const SCOPE = 'https://monitoring.azure.com//.default';
const TIMEOUT_MS = 10_000;

/** The measurements of a minute, which is the resolution of metrics in Azure Monitor. */
export interface MetricSummary {
  min: number;
  max: number;
  sum: number;
  /** number of measurements */
  count: number;
}

/** @throws {Error} without a token in its message, if Azure Monitor does not accept the value */
export type SendMetric = (metric: string, summary: MetricSummary, time: Date) => Promise<void>;

/** Namespace of the app's metrics in Azure Monitor. */
export const METRIC_NAMESPACE = 'Hubfront';

/**
 * Sends custom metrics to Azure Monitor with the app's managed identity, which needs the role Monitoring Metrics
 * Publisher on the resource. Sampling and the daily limit of the logs do not affect them.
 *
 * @param url `https://<region>.monitoring.azure.com/<resource id>/metrics`
 */
export function createMetricSender(url: string): SendMetric {
  let credential: ReturnType<EntraId['createCredential']> | undefined;
  return async (metric, { min, max, sum, count }, time) => {
    // Loaded lazily, because only instances that serve workers need the identity library.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    credential ??= (require('./entraId.js') as EntraId).createCredential();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { token } = await credential.getToken(SCOPE, { abortSignal: signal }).catch(() => {
      throw new Error('Microsoft Entra ID gave no token for Azure Monitor');
    });
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        time: time.toISOString(),
        data: { baseData: { metric, namespace: METRIC_NAMESPACE, series: [{ min, max, sum, count }] } },
      }),
      signal,
    }).catch(() => {
      throw new Error('Azure Monitor could not be reached');
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`Azure Monitor returned ${response.status}`);
  };
}
