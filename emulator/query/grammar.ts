/**
 * The grammar of iot-hub-devguide-query-language, for Peggy. Keywords are case-insensitive. Property names are
 * case-sensitive.
 */
export const GRAMMAR = String.raw`
{{
  const binary = (first, rest) =>
    rest.reduce((left, [operator, right]) => ({ kind: 'binary', operator: operator.toLowerCase(), left, right }), first);
}}

query
  = _ "SELECT"i __ top:top? select:(star / projections) __ "FROM"i __ from:source where:where? groupBy:groupBy? _
    { return { select, top, from, where, groupBy }; }

top = "TOP"i __ count:digits __ { return count; }
star = "*" { return null; }
projections = first:projection rest:(_ "," _ item:projection { return item; })* { return [first, ...rest]; }
projection = value:(aggregate / attribute) alias:(__ "AS"i __ name:name { return name; })? { return { value, alias }; }
aggregate
  = name:("COUNT"i / "AVG"i / "SUM"i / "MIN"i / "MAX"i) _ "(" _ path:path? _ ")"
    { return { kind: 'aggregate', name: name.toLowerCase(), path }; }

source = parts:(first:name rest:("." part:name { return part; })* { return [first, ...rest]; }) { return parts.join('.').toLowerCase(); }
where = __ "WHERE"i word _ condition:or { return condition; }
groupBy = __ "GROUP"i __ "BY"i __ path:path { return path; }

or = first:and rest:(__ operator:"OR"i word _ right:and { return [operator, right]; })* { return binary(first, rest); }
and = first:not rest:(__ operator:"AND"i word _ right:not { return [operator, right]; })* { return binary(first, rest); }
not = "NOT"i word _ operand:not { return { kind: 'not', operand }; } / comparison

comparison
  = left:sum test:(membership / comparison_with)? { return test ? test(left) : left; }
membership
  = __ negation:("NIN"i / "IN"i) _ values:array
    { return (operand) => ({ kind: 'in', operand, values, isNegated: negation.toLowerCase() === 'nin' }); }
comparison_with
  = _ operator:comparator _ right:sum
    { return (left) => binary(left, [[operator === '<>' ? '!=' : operator, right]]); }
comparator = "<>" / "!=" / "<=" / ">=" / "=" / "<" / ">"

sum = first:product rest:(_ operator:[+-] _ right:product { return [operator, right]; })* { return binary(first, rest); }
product = first:primary rest:(_ operator:[*/%] _ right:primary { return [operator, right]; })* { return binary(first, rest); }

primary
  = "(" _ expression:or _ ")" { return expression; }
  / ("IS_DEFINED"i) _ "(" _ path:path _ ")" { return { kind: 'isDefined', path }; }
  / value:array { return { kind: 'constant', value }; }
  / "undefined"i word { return { kind: 'constant', value: undefined }; }
  / constant:constant { return { kind: 'constant', value: constant.value }; }
  / attribute

attribute = path:path !(_ "(") { return { kind: 'path', path }; }
path = !(reserved word) first:segment rest:(_ "." _ part:segment { return part; })* { return [first, ...rest]; }
segment = "[[" text:$(!"]]" .)+ "]]" { return text; } / name
name = $([\p{L}_$]u [\p{L}\p{N}_$-]u*)
reserved = "SELECT"i / "FROM"i / "WHERE"i / "GROUP"i / "AND"i / "OR"i / "NOT"i / "AS"i

array = "[" _ first:constant rest:(_ "," _ item:constant { return item; })* _ "]" { return [first, ...rest].map(({ value }) => value); }
constant
  = value:(string / number) { return { value }; }
  / "true"i word { return { value: true }; }
  / "false"i word { return { value: false }; }
  / "null"i word { return { value: null }; }
number
  = "0x"i digits:$[0-9a-f]i+ { return parseInt(digits, 16); }
  / text:$("-"? [0-9]+ ("." [0-9]+)? ("e"i [+-]? [0-9]+)?) { return Number(text); }
digits = text:$[0-9]+ { return Number(text); }
string
  = "'" characters:(escape / [^'\\])* "'" { return characters.join(''); }
  / '"' characters:(escape / [^"\\])* '"' { return characters.join(''); }
escape
  = "\\u" code:$([0-9a-f]i [0-9a-f]i [0-9a-f]i [0-9a-f]i) { return String.fromCharCode(parseInt(code, 16)); }
  / "\\" character:['"\\] { return character; }

word = ![\p{L}\p{N}_$]u
_ = [ \t\r\n]*
__ = [ \t\r\n]+
`;
