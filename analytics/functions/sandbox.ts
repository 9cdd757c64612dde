/** Runs JavaScript functions within limits. */

import releaseVariant from '@jitl/quickjs-wasmfile-release-sync';
import {
  type QuickJSContext,
  type QuickJSHandle,
  newQuickJSWASMModuleFromVariant,
} from 'quickjs-emscripten-core';
import { ENTRY } from './entry';

/** Maximum duration of one call. */
const CALL_TIMEOUT_MS = 1_000;
/** Maximum memory of one function, including its state. */
const MEMORY_LIMIT_BYTES = 64 * 1024 * 1024;
const STACK_LIMIT_BYTES = 512 * 1024;
/** QuickJS calls the interrupt handler often. Reading the clock once in this many calls is enough. */
const INTERRUPTS_PER_LOOK = 20;

export type FunctionKind = 'scalar' | 'aggregate';

/** A JavaScript function of a job, in an interpreter of its own without access to this process. */
export interface SandboxedFunction {
  /**
   * @param args JSON: of a scalar function, the array of its arguments; of an aggregate, an array of [value, time], with a
   * third element if the value is a datetime
   * @param kinds a letter for each argument of a scalar function: `d` for a datetime, `v` for anything else
   * @returns the result as JSON, null for null; a datetime has the form of the macro `asa_is_datetime`
   * @throws Error telling what the function threw, or which limit it exceeded
   */
  call: (args: string, kinds: string) => string | null;
}

/**
 * @param name alias of the function; a script without a function of that name may call it `main`
 * @throws Error when the script does not run, or defines no function, or one that cannot give values
 */
export async function createSandboxedFunction(
  name: string,
  kind: FunctionKind,
  script: string,
): Promise<SandboxedFunction> {
  // Each function has an instance of WebAssembly of its own, which is collected as a whole: QuickJS may leak when a
  // script exceeds a limit, and then aborts when it is disposed.
  const quickjs = await newQuickJSWASMModuleFromVariant(releaseVariant);
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(MEMORY_LIMIT_BYTES);
  runtime.setMaxStackSize(STACK_LIMIT_BYTES);
  const context = runtime.newContext();
  const limited = <T>(work: () => T): T => {
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    let interrupts = 0;
    runtime.setInterruptHandler(() => (interrupts += 1) % INTERRUPTS_PER_LOOK === 0 && Date.now() > deadline);
    return work();
  };
  const evaluate = (code: string): QuickJSHandle =>
    limited(() => valueOf(context, context.evalCode(code, `${name}.js`)));
  const prepare = evaluate(ENTRY);
  evaluate(script.replace(/^\uFEFF/, '')).dispose();
  const alias = context.newString(name);
  const isAggregate = kind === 'aggregate' ? context.true : context.false;
  const compiled = limited(() =>
    valueOf(context, context.callFunction(prepare, context.undefined, alias, isAggregate)),
  );
  for (const handle of [prepare, alias]) handle.dispose();
  return {
    call: (args, kinds) => {
      const [json, letters] = [context.newString(args), context.newString(kinds)];
      try {
        const value = limited(() =>
          valueOf(context, context.callFunction(compiled, context.undefined, json, letters)),
        );
        const text = context.typeof(value) === 'string' ? context.getString(value) : null;
        value.dispose();
        return text;
      } finally {
        json.dispose();
        letters.dispose();
      }
    },
  };
}

function valueOf(
  context: QuickJSContext,
  result: { value: QuickJSHandle; error?: undefined } | { error: QuickJSHandle },
): QuickJSHandle {
  if (result.error === undefined) return result.value;
  const thrown: unknown = context.dump(result.error);
  result.error.dispose();
  throw new Error(describe(thrown));
}

function describe(thrown: unknown): string {
  const { name, message } = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as {
    name?: string;
    message?: string;
  };
  if (name === 'Refused' && message !== undefined) return message;
  if (name === 'InternalError' && message === 'interrupted')
    return `it takes longer than ${CALL_TIMEOUT_MS / 1_000} s`;
  if (name === 'InternalError' && message === 'out of memory')
    return `it needs more than ${MEMORY_LIMIT_BYTES / 1024 / 1024} MB`;
  return message === undefined ? `it threw ${JSON.stringify(thrown)}` : `${name ?? 'Error'}: ${message}`;
}
