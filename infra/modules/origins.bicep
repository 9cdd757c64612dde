// Functions on lists of origins, for CORS.

@export()
@description('The origins of a comma-separated list, each in the form that browsers send: in lower case, without a trailing slash and without the default port.')
func asBrowsersSendThem(list string) string[] =>
  map(
    filter(split(list, ','), item => !empty(trim(item))),
    item => withoutDefaultPort(without(toLower(trim(item)), '/'))
  )

func withoutDefaultPort(origin string) string => without(origin, startsWith(origin, 'https:') ? ':443' : ':80')

func without(text string, ending string) string =>
  endsWith(text, ending) ? take(text, length(text) - length(ending)) : text

@export()
@description('A scheme and a host with an optional port, but no path, because browsers send none.')
func isOrigin(text string) bool =>
  contains(['http:', 'https:'], first(split(text, '/'))) && length(split(text, '/')) == 3 && !endsWith(text, '/') && !contains(
    text,
    ' '
  )
