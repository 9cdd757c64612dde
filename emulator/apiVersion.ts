/** The versions of IoT Hub's REST API, as its specifications list them (azure-rest-api-specs, iothub/data-plane). */
const API_VERSION =
  /^20(16-02-03|16-11-14|17-06-30|18-04-01|18-06-30|19-03-30|19-10-01|20-03-13|20-09-30|21-04-12)$/;

/** Clients name the version in the query of a request, or in MQTT's user name. */
export const isApiVersion = (version: string): boolean => API_VERSION.test(version);
