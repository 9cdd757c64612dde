// The package is a translation of Microsoft's C# and sets the global `Kusto`; its parts load in this order.
import '@kusto/language-service-next/bridge.min.js';
import '@kusto/language-service-next/Kusto.Language.Bridge.min.js';
import { facts } from './factFiles';

/** The few members that are used here. The package's own types describe 40,000 lines of C#. */
interface KustoLanguage {
  KustoCode: {
    ParseAndAnalyze: (
      text: string,
      globals: unknown,
    ) => { GetDiagnostics: () => { Count: number; getItem: (index: number) => Diagnostic } };
  };
  GlobalState: { Default: { WithDatabase: (database: unknown) => unknown } };
  Symbols: {
    ColumnSymbol: new (name: string, type: unknown) => object;
    ScalarTypes: { GetSymbol: (name: string) => object | null };
    TableSymbol: { $ctor4: new (name: string, columns: object[]) => object };
    DatabaseSymbol: { ctor: new (name: string, members: object[]) => object };
  };
}

interface Diagnostic {
  Severity: string;
  Message: string;
  Start: number;
}

const { KustoCode, GlobalState, Symbols } = (globalThis as unknown as { Kusto: { Language: KustoLanguage } })
  .Kusto.Language;

const entries: { table: string; columns: Record<string, string> }[] = facts('tables');
const tables = entries.map(
  ({ table, columns }) =>
    new Symbols.TableSymbol.$ctor4(
      table,
      Object.entries(columns).map(
        ([name, type]) => new Symbols.ColumnSymbol(name, Symbols.ScalarTypes.GetSymbol(type)),
      ),
    ),
);
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', tables));

/** What Microsoft's parser says about a query on the tables of Log Analytics; empty: it is right. */
export function diagnose(query: string): string[] {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => {
    const { Message, Start } = found.getItem(index);
    return `${Message} (at '${query.slice(Start, Start + 20)}')`;
  });
}
