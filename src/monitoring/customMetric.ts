import type { EntraId } from '../iothub/registry/entraId';

/** The audience that custom metrics ask for, with its trailing slash: metrics-store-custom-rest-api. */
const SCOPE = 'https://monitoring.azure.com//.default';
const TIMEOUT_MS = 10_000;

/** What was measured within a minute, the grain in which Azure Monitor keeps metrics. */
export interface MetricSummary {
  min: number;
  max: number;
  sum: number;
  /** number of measurements */
  count: number;
}

/** @throws {Error} in words that hold no token, when Azure Monitor does not accept the value */
export type SendMetric = (metric: string, summary: MetricSummary, time: Date) => Promise<void>;

/** Namespace of the app's metrics in Azure Monitor. */
export const METRIC_NAMESPACE = 'Hubfront';

/**
 * Sends custom metrics to Azure Monitor with the app's managed identity, which needs the role Monitoring Metrics
 * Publisher on the resource. Neither sampling nor the log's daily cap applies to them.
 *
 * @param url `https://<region>.monitoring.azure.com/<resource id>/metrics`
 */
export function createMetricSender(url: string): SendMetric {
  let credential: ReturnType<EntraId['createCredential']> | undefined;
  return async (metric, { min, max, sum, count }, time) => {
    // Loaded here: an instance that serves no worker reads no identity library.
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
