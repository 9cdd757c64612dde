/** Simulates a page without a network connection. */

const KEY = 'spangle-offline';

/**
 * The switch that simulates being offline. While it is on, also after a reload, requests of this page to the functions
 * fail as they would without a network.
 *
 * @param endpoint the URL to which requests fail
 */
export function createOfflineSwitch(endpoint: string) {
  const { fetch } = window;
  const sendBeacon = navigator.sendBeacon.bind(navigator);
  const reallyOnline = Object.getOwnPropertyDescriptor(Navigator.prototype, 'onLine');
  const isOffline = (): boolean => localStorage.getItem(KEY) === 'yes';

  window.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (isOffline() && url.startsWith(endpoint))
      throw new TypeError('Failed to fetch: the shop is switched offline');
    return fetch(input, init);
  };
  // As in a browser without a network, a beacon is accepted and lost.
  navigator.sendBeacon = (url, data) => (isOffline() ? true : sendBeacon(url, data));
  Object.defineProperty(navigator, 'onLine', {
    configurable: true,
    get: () => !isOffline() && reallyOnline?.get?.call(navigator) !== false,
  });
  const tell = (): void => {
    dispatchEvent(new Event(isOffline() ? 'offline' : 'online'));
  };
  // Another tab has changed the switch.
  addEventListener('storage', ({ key }) => {
    if (key === KEY) tell();
  });

  return {
    isOffline,
    set: (offline: boolean) => {
      if (offline) localStorage.setItem(KEY, 'yes');
      else localStorage.removeItem(KEY);
      tell();
    },
  };
}
