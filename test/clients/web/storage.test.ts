// @module-tag full

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserProgram } from '../browser';
import { type Fixture, type Report, startFixture } from './fixture';

const NO_LOCAL_STORAGE = `Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } });`;
const FULL_LOCAL_STORAGE = `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };`;
const OPEN = 'const openDatabase = indexedDB.open.bind(indexedDB); IDBFactory.prototype.open =';

/** A worker that keeps a transaction open. It pauses between its requests, so that it does not occupy a core. */
const HOLD_DATABASE = `onmessage = ({ data: name }) => {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore('messages', { keyPath: 'id' });
  request.onsuccess = () => {
    const pause = new Int32Array(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer);
    const store = request.result.transaction('messages', 'readwrite').objectStore('messages');
    const again = () => {
      Atomics.wait(pause, 0, 0, 50);
      store.get('x').onsuccess = again;
    };
    again();
    postMessage('held');
  };
};`;

/** How IndexedDB may fail, as scripts that run before the client is made. `DATABASE` stands for its name. */
const FAILURES: Record<string, string> = {
  works: '',
  'works, without commit': `IDBTransaction.prototype.commit = undefined;`,
  'is absent': `Object.defineProperty(window, 'indexedDB', { value: undefined });`,
  'may not be read': `Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError') } });`,
  'throws when it is opened': `${OPEN} () => { throw new DOMException('no', 'SecurityError') };`,
  'opens with undefined': `${OPEN} () => undefined;`,
  'never opens': `${OPEN} () => ({});`,
  'opens after two seconds': `${OPEN} (...all) => {
    const late = {};
    setTimeout(() => {
      const request = openDatabase(...all);
      Object.defineProperty(late, 'result', { get: () => request.result });
      request.onupgradeneeded = () => late.onupgradeneeded?.();
      request.onsuccess = () => late.onsuccess?.();
    }, 2000);
    return late;
  };`,
  'opens with an error': `${OPEN} () => {
    const request = { error: new DOMException('Internal error', 'UnknownError') };
    setTimeout(() => request.onerror?.(new Event('error')));
    return request;
  };`,
  'has a newer version': prepare(2),
  'has no store': prepare(1),
  'is blocked by another connection': `new Promise((done) => {
    indexedDB.open(DATABASE, 1).onsuccess = ({ target }) => {
      window.blocking = target.result; // garbage collection would close the connection, and nothing would be blocked
      indexedDB.deleteDatabase(DATABASE).onblocked = done;
    };
  });`,
  'is held by a transaction that never ends': `new Promise((done) => {
    const worker = new Worker(URL.createObjectURL(new Blob([${JSON.stringify(HOLD_DATABASE)}])));
    window.holder = worker;
    worker.onmessage = done;
    worker.postMessage(DATABASE);
  });`,
  'makes no transactions': `IDBDatabase.prototype.transaction = () => { throw new DOMException('closing', 'InvalidStateError') };`,
  'makes transactions that never end': `IDBDatabase.prototype.transaction = () => ({ objectStore: () => ({ put() {}, getAll: () => ({}), getAllKeys: () => ({}), delete() {} }) });`,
  'aborts each transaction': `const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...all) {
      const made = transaction.apply(this, all);
      setTimeout(() => { try { made.abort() } catch {} });
      return made;
    };
    IDBTransaction.prototype.commit = undefined;`,
  'throws when it writes': `IDBObjectStore.prototype.put = () => { throw new DOMException('no', 'DataCloneError') };`,
  'refuses to write': `const { put, add } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value) { add.call(this, value); return add.call(this, value) };`,
  'is deleted while it is being written': `const { put } = IDBObjectStore.prototype;
    IDBTransaction.prototype.commit = undefined;
    let isDeleted = false;
    IDBObjectStore.prototype.put = function (value) {
      if (!isDeleted) {
        let isTold = false;
        this.transaction.db.addEventListener('versionchange', () => { isTold = true });
        const lastUntilTold = () => { if (!isTold) this.get('x').onsuccess = lastUntilTold };
        lastUntilTold();
        indexedDB.deleteDatabase(DATABASE);
        isDeleted = true;
      }
      return put.call(this, value);
    };`,
  'throws when it reads': `IDBObjectStore.prototype.getAll = () => { throw new DOMException('no', 'UnknownError') };`,
  'reads nothing': `IDBObjectStore.prototype.getAll = () => ({});`,
  'reads damaged messages': `const { getAll } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.getAll = function (...all) {
      const request = getAll.apply(this, all);
      return { get result() { return request.result.map((message) => ({ ...message, json: message.json.slice(0, 20) })) } };
    };`,
  'removes nothing': `IDBObjectStore.prototype.delete = () => { throw new DOMException('no', 'UnknownError') };`,
  'never says that it is done': `Object.defineProperty(IDBTransaction.prototype, 'oncomplete', { set() {} });`,
};

/** Opens a version of the database, without a store, before the client does. */
function prepare(version: number): string {
  return `new Promise((done) => {
    const request = indexedDB.open(DATABASE, ${version});
    request.onsuccess = () => { request.result.close(); done() };
  });`;
}

const STORAGE_CASES = [
  { name: 'there is no storage', before: `${NO_LOCAL_STORAGE} ${FAILURES['is absent'] ?? ''}` },
  ...Object.entries(FAILURES).flatMap(([failure, before]) => [
    { name: `IndexedDB ${failure}`, before },
    { name: `IndexedDB ${failure}; localStorage is full`, before: `${FULL_LOCAL_STORAGE} ${before}` },
  ]),
];

describe.skipIf(!browserProgram)('however storage fails, in Chromium', () => {
  let fixture: Fixture;
  let outcomes: Record<string, { reports: Report[]; lateReports: Report[] }>;
  let arrived: { case: number; n: number }[];

  beforeAll(async () => {
    fixture = await startFixture();
    const runAll = async (): Promise<typeof outcomes> => {
      await fixture.reset();
      return fixture.runCases(
        STORAGE_CASES,
        `async ({ hub, reports, n: at }) => {
          for (const n of [1, 2, 3]) hub.track({ case: at, n });
          await hub.flush();
          const first = [...reports];
          for (const n of [4, 5]) hub.track({ case: at, n });
          await hub.flush();
          return { reports: first, lateReports: reports.slice(first.length) };
        }`,
      );
    };
    // So many frames at once have stood still on a busy machine. A case that always does fails the second time, too.
    const isDone = new AbortController();
    const second = delay(50_000, undefined, { signal: isDone.signal }).then(runAll);
    second.catch(() => undefined);
    outcomes = await Promise.race([runAll(), second]);
    isDone.abort();
    arrived = (await fixture.arrived()).map(({ body }) => body.Data);
  });
  afterAll(() => fixture.close());

  test.each(STORAGE_CASES.map(({ name }, at) => [name, at] as const))(
    '%s: all is sent once, in order, and flush ends',
    (name, at) => {
      const { reports = [], lateReports = [] } = outcomes[name] ?? {};
      expect(reports.map((report) => report.name)).toEqual([
        ...Array(3).fill('sending'),
        ...Array(3).fill('sent'),
      ]);
      expect(lateReports.map((report) => report.name)).toEqual([
        ...Array(2).fill('sending'),
        ...Array(2).fill('sent'),
      ]);
      expect(arrived.filter((data) => data.case === at).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
    },
  );
});
