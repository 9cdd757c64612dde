/** Responses of the hub to a device, and the errors that they become. */

/** A response of the hub to a device's request. */
export interface HubResponse {
  statusCode: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** The hub has rejected a request. The fields are those that the SDKs for IoT Hub set on their errors. */
export class HubResponseError extends Error {
  override readonly name = 'HubResponseError';
  readonly responseBody: string;

  constructor(readonly response: HubResponse) {
    super(`IoT Hub responded with status ${response.statusCode}`);
    this.responseBody = response.body;
  }
}
