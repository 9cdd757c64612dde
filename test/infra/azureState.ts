/** State of the services, as the hooks see it over HTTP. */
export interface AzureState {
  /** resource providers by name: their state, and the regions of each type */
  providers: Record<string, { state: string; regions: Record<string, string[]> }>;
  flexRegions: string[];
  deletedVaults: { name: string; location: string; environment: string }[];
  workspaces: { id: string; name: string }[];
  users: { identifier: string; groupUserAccessRight: string; principalType?: string }[];
  datasets: { id: string; name: string }[];
  reports: { displayName: string; definition: any }[];
  job: { jobState: string; lastOutputEventTime?: string; startModes: string[] } | undefined;
  /** keys of the whole app: each opens every function */
  hostKeys: Record<string, string>;
  /** keys of single functions, by function and name: each opens its function only */
  functionKeys: Record<string, Record<string, string>>;
  /** secrets of the vault by name; those of the deployment are there from the start */
  secrets: Record<string, string>;
  /** Key Vault references in the app's settings, by setting: what the app last saw of each */
  references: Record<string, { secret: string; status: string }>;
  snapshots: { path: string; text: string }[];
  /** the app takes snapshots when it is asked to */
  snapshotWorks: boolean;
  /** a job that is started fails */
  startFails: boolean;
  /** what Fabric says when it cannot publish a report */
  publishFails: string | undefined;
  /** reports that Fabric is asked to publish, until it has */
  publishing: { displayName: string; definition: any }[];
}

export const KEY_FUNCTIONS = ['registerDevice', 'messageFeed', 'snapshotProducts'];

export function initialState(): AzureState {
  return {
    providers: {
      'Microsoft.App': { state: 'NotRegistered', regions: {} },
      'Microsoft.Devices': { state: 'Registered', regions: { IotHubs: ['West Europe', 'North Europe'] } },
      'Microsoft.StreamAnalytics': { state: 'Registered', regions: { streamingjobs: ['West Europe'] } },
    },
    flexRegions: ['West Europe', 'East US'],
    deletedVaults: [],
    workspaces: [],
    users: [],
    datasets: [],
    reports: [],
    job: { jobState: 'Created', startModes: [] },
    hostKeys: { default: 'default-key' },
    functionKeys: Object.fromEntries(
      KEY_FUNCTIONS.map((name) => [name, { default: `default-key-of-${name}` }]),
    ),
    secrets: { 'iothub-eventhub-connection': 'Endpoint=…' },
    references: {
      IOTHUB_EVENTHUB_CONNECTION: { secret: 'iothub-eventhub-connection', status: 'Resolved' },
      KEEP_ALIVE_FUNCTION_KEY: { secret: 'keep-alive-function-key', status: 'SecretNotFound' },
      VISITOR_KEY: { secret: 'visitor-key', status: 'SecretNotFound' },
    },
    snapshots: [],
    snapshotWorks: true,
    startFails: false,
    publishFails: undefined,
    publishing: [],
  };
}
