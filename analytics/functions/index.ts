/** Registers the functions of a query with DuckDB. */

import { type DuckDBConnection, type DuckDBDataChunk, DuckDBScalarFunction, VARCHAR } from '@duckdb/node-api';
import { type FunctionUse, QueryError, functionTable } from '../query';
import { relate } from './geography';
import { createSandboxedFunction } from './sandbox';

/** Scripts of the functions of a job, by alias. */
export type FunctionScripts = ReadonlyMap<string, string>;

/** For queries that are only checked: every function in the scripts returns null. */
export const stubScripts = (uses: readonly FunctionUse[]): FunctionScripts =>
  new Map(
    uses.map(({ name }) => [
      name,
      'function main() { this.init = this.accumulate = this.computeResult = () => null; }',
    ]),
  );

/**
 * Registers the functions that a query calls with DuckDB.
 *
 * @throws {QueryError} where a function has no script, or one that does not run
 */
export async function registerFunctions(
  connection: DuckDBConnection,
  uses: readonly FunctionUse[],
  scripts: FunctionScripts,
): Promise<void> {
  for (const use of uses) {
    const { name, kind, at } = use;
    if (kind === 'geography') {
      register(connection, use, (args) => relate(name, args));
      continue;
    }
    const prefix = kind === 'scalar' ? 'udf' : 'uda';
    const [, script] = [...scripts].find(([alias]) => alias.toLowerCase() === name.toLowerCase()) ?? [];
    if (script === undefined)
      throw new QueryError(
        `the function ${prefix}.${name} has no script: give it with --function ${name}=FILE.js, or in asaproj.json`,
        at,
      );
    const sandboxed = await createSandboxedFunction(name, kind, script).catch((error: unknown) => {
      throw new QueryError(`the function ${prefix}.${name} cannot be used: ${(error as Error).message}`, at);
    });
    register(connection, use, sandboxed.call);
  }
}

/** DuckDB passes the arguments as one JSON text, their kinds, and the place of the call. */
function register(
  connection: DuckDBConnection,
  use: FunctionUse,
  call: (args: string, kinds: string) => string | null,
): void {
  const text = (input: DuckDBDataChunk, column: number, row: number): string =>
    String(input.getColumnVector(column).getItem(row));
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: functionTable(use),
      parameterTypes: [VARCHAR, VARCHAR, VARCHAR],
      returnType: VARCHAR,
      // A function without arguments may return something else for each event.
      volatile: true,
      mainFunction: (info, input, output) => {
        for (let row = 0; row < input.rowCount; row += 1)
          try {
            output.setItem(row, call(text(input, 0, row), text(input, 1, row)));
          } catch (error) {
            info.setError(
              `${text(input, 2, row)}: the function ${use.name} failed: ${(error as Error).message}`,
            );
            return;
          }
        output.flush();
      },
    }),
  );
}
