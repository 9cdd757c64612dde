/**
 * The worker process of the dev host: loads a built function app and runs its functions, as Azure's Node.js worker
 * does. It provides `@azure/functions-core`, the module through which `@azure/functions` finds its host.
 *
 * It is plain JavaScript on purpose: only Node and the app are loaded here, so that start-up time and memory are those
 * of the app.
 *
 * @typedef {import('./workerProtocol').ToWorker} ToWorker
 * @typedef {import('./workerProtocol').FromWorker} FromWorker
 */
'use strict';
const Module = require('node:module');
const net = require('node:net');
const path = require('node:path');
const { setImmediate } = require('node:timers');
const { format } = require('node:util');

const WORKER_VERSION = '3.9.1';
const HOST_VERSION = '4.1037.0';

/** @type {Map<string, {metadata: any, callback: Function}>} */
const functions = new Map();
/** @type {Map<string, Function[]>} */
const hooks = new Map();
const appHookData = {};
let programmingModel;
let registrationIsOver = false;

class Disposable {
  #dispose;
  constructor(dispose) {
    this.#dispose = dispose;
  }
  dispose() {
    this.#dispose();
  }
}

/** @type {FromWorker[]} */
let unsaid = [];

/**
 * Messages of one turn of the event loop are sent in one write. Each write costs as much as the rest of a small
 * request.
 *
 * @param {FromWorker} message
 */
function tell(message) {
  if (unsaid.length === 0) setImmediate(sayAll);
  unsaid.push(message);
}

/** Sends queued logs before the process exits, because they may contain the reason. */
function sayAll() {
  if (unsaid.length > 0) process.send?.(unsaid);
  unsaid = [];
}

/**
 * Bodies up to this size are part of the response message. Larger ones are sent on a separate pipe (`BODY_PIPE_FD`),
 * which avoids copies.
 */
const MAX_INLINE_BODY_BYTES = 64 * 1024;
let bodyPipe;

/** @param {string} invocationId @param {import('./workerProtocol').RpcHttpResponse} [http] */
function tellResult(invocationId, http) {
  const bytes = http?.body?.bytes;
  if (!bytes || bytes.length <= MAX_INLINE_BODY_BYTES) {
    tell({ type: 'result', invocationId, http });
    return;
  }
  bodyPipe ??= new net.Socket({ fd: 4, readable: false, writable: true });
  bodyPipe.write(bytes);
  tell({ type: 'result', invocationId, http: { ...http, body: undefined }, bodyBytes: bytes.length });
}

const core = {
  version: WORKER_VERSION,
  hostVersion: HOST_VERSION,
  Disposable,
  setProgrammingModel: (model) => {
    programmingModel = model;
  },
  getProgrammingModel: () => programmingModel,
  log: (level, category, message) => tell({ type: 'log', level, category, message }),
  registerHook: (name, callback) => {
    hooks.set(name, [...(hooks.get(name) ?? []), callback]);
    return new Disposable(() =>
      hooks.set(
        name,
        (hooks.get(name) ?? []).filter((other) => other !== callback),
      ),
    );
  },
  registerFunction: (metadata, callback) => {
    if (registrationIsOver) throw new Error('A function can only be registered during app startup.');
    const id = metadata.functionId ?? metadata.name;
    if (functions.has(id)) throw new Error(`A function with id "${id}" has already been registered.`);
    functions.set(id, { metadata, callback });
    return new Disposable(() => functions.delete(id));
  },
};

const originalRequire = Module.prototype.require;
Module.prototype.require = function (id) {
  return id === '@azure/functions-core' ? core : originalRequire.call(this, id);
};

async function runHooks(name, context) {
  for (const hook of hooks.get(name) ?? []) await hook(context);
}

async function load(appFolder) {
  const { main } = require(path.join(appFolder, 'package.json'));
  require(path.join(appFolder, main));
  await runHooks('appStart', { hookData: {}, appHookData, functionAppDirectory: appFolder });
  registrationIsOver = true;
  tell({
    type: 'loaded',
    functions: [...functions].map(([id, { metadata }]) => ({
      id,
      name: metadata.name,
      bindings: Object.values(metadata.bindings),
    })),
  });
}

async function invoke({ invocationId, functionId, data }) {
  const { metadata, callback } = functions.get(functionId);
  const [trigger] = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type));
  const coreContext = {
    invocationId,
    metadata,
    state: undefined,
    request: { invocationId, functionId, inputData: [{ name: trigger, data }], triggerMetadata: {} },
    log: (level, category, message) =>
      tell({ type: 'log', level, category, message, functionName: metadata.name }),
  };
  const model = await programmingModel.getInvocationModel(coreContext);
  const { context, inputs } = await model.getArguments();
  const hookContext = {
    hookData: {},
    appHookData,
    invocationContext: context,
    inputs,
    functionCallback: callback,
  };
  coreContext.state = 'preInvocationHooks';
  await runHooks('preInvocation', hookContext);
  const outcome = { ...hookContext, result: null, error: null };
  coreContext.state = 'invocation';
  try {
    outcome.result = await model.invokeFunction(context, hookContext.inputs, hookContext.functionCallback);
  } catch (error) {
    outcome.error = error;
  }
  coreContext.state = 'postInvocationHooks';
  await runHooks('postInvocation', outcome);
  coreContext.state = undefined;
  if (outcome.error) throw outcome.error;
  const { returnValue } = await model.getResponse(context, outcome.result);
  return returnValue?.http;
}

/** An error as the log of the real host shows it. */
const describe = (error) => (error instanceof Error ? (error.stack ?? error.message) : format(error));

/** @param {ToWorker} message */
function obey(message) {
  switch (message.type) {
    case 'load':
      load(message.appFolder).catch((error) => tell({ type: 'loadFailed', reason: describe(error) }));
      break;
    case 'invoke':
      invoke(message).then(
        (http) => tellResult(message.invocationId, http),
        (error) => tell({ type: 'failed', invocationId: message.invocationId, reason: describe(error) }),
      );
      break;
    case 'terminate':
      runHooks('appTerminate', { hookData: {}, appHookData }).finally(async () => {
        sayAll();
        // Data that is still queued for a pipe would be lost.
        const written = [process.stdout, process.stderr].map(
          (stream) => new Promise((resolve) => stream.write('', resolve)),
        );
        await Promise.all(written);
        process.exit(0);
      });
      break;
  }
}

process.on('message', (/** @type {ToWorker[]} */ messages) => messages.forEach(obey));

// As in the real worker, an uncaught error ends the process and all running requests.
const die = (error) => {
  console.error(`Worker ${process.pid} uncaught exception: ${describe(error)}`);
  sayAll();
  process.exit(1);
};
process.on('uncaughtException', die);
process.on('unhandledRejection', die);
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group, and so does the SIGTERM of many service managers. The host decides when its
// worker ends, so that running requests can end first.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
