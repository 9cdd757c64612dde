#!/bin/sh
# A small device that registers once through Hubfront, then sends directly to IoT Hub over HTTPS. Requires openssl,
# curl 7.20 or newer, and od. Runs in any POSIX shell.
#
#   hubfront-phone.sh key                                    prints a new key; store it before you register
#   hubfront-phone.sh register ENDPOINT DEVICE_ID            prints the hub's name; ENDPOINT is https://<app>/api
#   hubfront-phone.sh token HOST DEVICE_ID EXPIRES_AT        prints a token; EXPIRES_AT in Unix seconds
#   hubfront-phone.sh send HOST DEVICE_ID MESSAGE_ID [JSON]  sends one message; without JSON, from standard input
#
# The device key is read from DEVICE_KEY (base64), the function key from FUNCTION_KEY: every user of a machine can see
# arguments. HUB_URL is the hub's address if it is not https://HOST, as for an emulator; curl reads CURL_CA_BUNDLE.
#
# Exit codes: 0 done; 75 no response, throttling, quota, or a response that is not the server's own (while an app starts,
# or behind a captive portal): try the same again later; 1 rejected for good, with the reason; 2 wrong usage.
set -eu
LC_ALL=C # bytes, whatever the locale
export LC_ALL

TOKEN_LIFETIME_S=3600
CONNECT_TIMEOUT_S=30
# Time for the largest message (256 KB) at 30 kbit/s.
TIMEOUT_S=90
# Responses have a few hundred bytes. Of a longer response, only the end is read.
MAX_RESPONSE_BYTES=65536
REJECTED=1
USAGE=2
RETRY=75

fail() {
  printf 'hubfront-phone: %s\n' "$2" >&2
  exit "$1"
}

# require NAME VALUE PATTERN: the value must not be empty, and must not match the pattern of forbidden characters.
require() {
  # shellcheck disable=SC2254 # $3 is meant to be expanded as a pattern
  case $2 in '' | $3) fail $USAGE "$1 is missing or contains forbidden characters" ;; esac
}

# require_url NAME VALUE: a value that is no URL would be an option of curl, or be tried again without end.
require_url() {
  case $2 in
    http://?* | https://?*) require "$1" "$2" '*[!!-~]*' ;;
    *) fail $USAGE "$1 is missing or is no URL" ;;
  esac
}

require_key() {
  require DEVICE_KEY "${DEVICE_KEY-}" '*[!A-Za-z0-9+/=]*'
}

# require_id DEVICE_ID: checks that the id is valid in IoT Hub
require_id() {
  require DEVICE_ID "$1" "*[!A-Za-z0-9.%_*?!(),:=@\$'-]*"
}

# Percent-encodes all characters except letters, digits and -._~
encode() {
  printf %s "$1" | od -An -v -tx1 | tr -s ' ' '\n' | while read -r byte; do
    case $byte in
      '') ;;
      2d | 2e | 5f | 7e | 3[0-9] | 4[1-9a-f] | 5[0-9a] | 6[1-9a-f] | 7[0-9a])
        # shellcheck disable=SC2059 # the octal escape is the format
        printf "\\$(printf %03o "0x$byte")" ;;
      *) printf '%%%s' "$byte" | tr a-f A-F ;;
    esac
  done
}

# The key padded to 64 bytes, each XORed with $1 (HMAC, RFC 2104).
padded_key() {
  { printf %s "$DEVICE_KEY" | openssl base64 -d -A; head -c 64 /dev/zero; } | od -An -v -tx1 -N 64 |
    tr -s ' ' '\n' | while read -r byte; do
    # shellcheck disable=SC2059 # the octal escape is the format
    [ -z "$byte" ] || printf "\\$(printf %03o $((0x$byte ^ $1)))"
  done
}

# HMAC-SHA256 in base64. The key is not an argument of any process.
sign() {
  { padded_key 0x36; printf %s "$1"; } | openssl dgst -sha256 -binary |
    { padded_key 0x5c; cat; } | openssl dgst -sha256 -binary | openssl base64 -A
}

token() {
  resource=$(encode "$1/devices/$2")
  signature=$(encode "$(sign "$resource
$3")")
  printf 'SharedAccessSignature sr=%s&sig=%s&se=%s' "$resource" "$signature" "$3"
}

# post URL HEADERS, with the body on standard input. Sets `status`, `type` (the media type) and `response`. curl reads the body from one pipe and
# the headers from another: an argument is visible to other users and at most 128 KB long, and a line of a configuration
# file at most 100 KB before curl 8.2.
post() {
  config=$(printf '%s\nExpect:\n' "$2" | sed 's/[\\"]/\\&/g; s/.*/header = "&"/')
  # Redirections are not followed: the POST would become a GET.
  said=$(
    curl --silent --show-error --connect-timeout $CONNECT_TIMEOUT_S --max-time $TIMEOUT_S \
      --write-out '\n%{content_type}\n%{http_code}' --config /dev/fd/3 --data-binary @- "$1" 3<<END | tail -c $MAX_RESPONSE_BYTES | tr -d '\000'
$config
END
  )
  status=${said##*
}
  said=${said%
*}
  type=$(printf %s "${said##*
}" | sed 's/[ ;].*//' | tr A-Z a-z)
  response=${said%
*}
  case $status in [1-9][0-9][0-9]) ;; *) fail $RETRY 'no response' ;; esac # curl has printed the cause
}

# reject TYPE EXPRESSION: exits after an error response. The sed expression prints the code. Only errors of the server
# itself have a code and this media type. Errors of proxies, portals, and of the platform while an app starts do not.
reject() {
  code=
  [ "$type" != "$1" ] || code=$(printf '%s\n' "$response" | sed -n "$2" | head -n 1)
  case $status in
    403 | 408 | 429 | [!4]??) ;;
    *) [ -z "$code" ] || fail $REJECTED "the server returned $status $code" ;;
  esac
  fail $RETRY "the server returned $status ${code:-without a code}"
}

# register ENDPOINT DEVICE_ID
register() {
  printf '{"deviceId":"%s","deviceKey":"%s"}' "$2" "$DEVICE_KEY" | {
    post "$1/devices" "Content-Type: application/json
X-Functions-Key: $FUNCTION_KEY"
    host=$(printf '%s\n' "$response" | sed -n 's/.*"hostName" *: *"\([A-Za-z0-9.-]\{1,\}\)".*/\1/p' | head -n 1)
    case $status:$host:$response in
      20[01]:[!:]*) printf '%s\n' "$host" ;;
      401::) fail $REJECTED 'the server returned 401 without a reason: the function key is wrong' ;;
      *) reject application/problem+json 's/.*"code" *: *"\([a-z_]\{1,\}\)".*/\1/p' ;;
    esac
  }
}

# send HOST DEVICE_ID MESSAGE_ID, with the JSON on standard input
send() {
  while :; do
    first=$(dd bs=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')
    case $first in
      '') fail $USAGE 'there is no message' ;;
      09 | 0a | 0d | 20) ;;
      # a byte order mark, which some editors write, and which is not JSON
      ef) [ "$(dd bs=1 count=2 2>/dev/null | od -An -tx1 | tr -d ' \n')" = bbbf ] || fail $USAGE 'the message is not JSON' ;;
      *) break ;;
    esac
  done
  first=$(printf %03o "0x$first")
  headers="Authorization: $(token "$1" "$2" $(($(date +%s) + TOKEN_LIFETIME_S)))
IoTHub-MessageId: $3
iothub-contenttype: application/json
iothub-contentencoding: utf-8
Content-Type: application/json"
  url="${HUB_URL:-https://$1}/devices/$(encode "$2")/messages/events?api-version=2021-04-12"
  # shellcheck disable=SC2059 # the octal escape is a part of the format
  { printf "{\"deviceId\":\"%s\",\"Data\":\\$first" "$2"; cat; printf '}'; } | {
    post "$url" "$headers"
    [ "$status" = 204 ] || reject application/json 's/.*ErrorCode:\([A-Za-z]\{1,\}\).*/\1/p'
  }
}

case ${1-}:$# in
  key:1) openssl rand -base64 32 ;;
  register:3)
    require_key
    require_url ENDPOINT "$2"
    require_id "$3"
    require FUNCTION_KEY "${FUNCTION_KEY-}" '*[!!-~]*'
    register "$2" "$3" ;;
  token:4) require_key && token "$2" "$3" "$4" && echo ;;
  send:[45])
    require_key
    require HOST "$2" '*[!A-Za-z0-9.-]*'
    require_url HUB_URL "${HUB_URL:-https://$2}"
    require_id "$3"
    require MESSAGE_ID "$4" "*[!A-Za-z0-9:.+%_#*?!(),=@;\$'-]*"
    if [ $# -eq 4 ]; then send "$2" "$3" "$4"; else printf %s "$5" | send "$2" "$3" "$4"; fi ;;
  *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2 && exit $USAGE ;;
esac
