/** Functions of other SQL dialects, with what Stream Analytics has in their place. */

const REPLACED: readonly (readonly [names: string, instead: string])[] = [
  ['row_number rank dense_rank percent_rank ntile cume_dist', 'use CollectTop, whose records have a rank'],
  ['lead', 'use LAG in the later event'],
  ['first_value', 'use TopOne, or ISFIRST for the first event of an interval'],
  ['last_value', 'use LAST'],
  ['first any_value arg_max arg_min max_by min_by', 'use TopOne() OVER (ORDER BY …)'],
  [
    'getdate getutcdate sysdatetime sysutcdatetime sysdatetimeoffset current_timestamp now',
    'use System.Timestamp()',
  ],
  ['isnull ifnull nvl', 'use COALESCE, or IS NULL'],
  ['iif if choose decode', 'use CASE'],
  ['convert', 'use CAST'],
  ['try_convert', 'use TRY_CAST'],
  ['string_agg group_concat listagg array_agg collect_list collect_set', 'use Collect'],
  ['length datalength char_length', 'use LEN'],
  ['substr mid', 'use SUBSTRING'],
  ['instr position strpos', 'use CHARINDEX'],
  ['regexp_like rlike regexp', 'use REGEXMATCH'],
  ['char chr', 'use NCHAR'],
  ['ascii', 'use UNICODE'],
  ['mod', 'use %'],
  ['pow', 'use POWER'],
  ['ceil', 'use CEILING'],
  ['stddev stddev_samp', 'use STDEV'],
  ['stddev_pop', 'use STDEVP'],
  ['variance var_samp', 'use VAR'],
  ['var_pop', 'use VARP'],
  ['median', 'use PERCENTILE_CONT(0.5) OVER (ORDER BY …)'],
  ['count_big', 'use COUNT'],
  ['approx_count_distinct', 'use COUNT(DISTINCT …)'],
  [
    'json_value json_query json_extract',
    'write the path with dots, or use GetRecordPropertyValue or GetArrayElement',
  ],
  ['openjson string_split explode unnest flatten', 'use CROSS APPLY GetArrayElements or GetRecordProperties'],
  ['array_length json_array_length cardinality', 'use GetArrayLength'],
  ['datefromparts', 'use DATETIMEFROMPARTS'],
  ['eomonth date_trunc datetrunc', 'use DATEADD with DATEPART'],
  ['log log10 sin cos tan pi rand newid hashbytes checksum format', 'write it in JavaScript as udf.name'],
];

const INSTEAD: ReadonlyMap<string, string> = new Map(
  REPLACED.flatMap(([names, instead]) => names.split(' ').map((name) => [name, instead] as const)),
);

const WINDOW = /^(?:(?:tumbling|hopping|sliding|session)(?:window)?|windows?)$/;

/** Why there is no such function, and what to write instead if there is something. */
export function absentFunction(name: string): string {
  const key = name.toLowerCase();
  if (WINDOW.test(key)) return `the window ${name} must be in GROUP BY`;
  const instead = INSTEAD.get(key);
  return `the function ${name} does not exist in Stream Analytics${instead === undefined ? '' : `: ${instead}`}`;
}
