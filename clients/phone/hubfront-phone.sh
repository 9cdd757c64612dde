#!/bin/sh
# A device of few means: registers once through Hubfront, then sends straight to IoT Hub over HTTPS.
# Wants openssl, curl and od.
#
#   hubfront-phone.sh key                                    makes a key; keep it before you register
#   hubfront-phone.sh register ENDPOINT DEVICE_ID            prints the hub's name; ENDPOINT is https://<app>/api
#   hubfront-phone.sh token HOST DEVICE_ID EXPIRES_AT        prints a token; EXPIRES_AT in Unix seconds
#   hubfront-phone.sh send HOST DEVICE_ID MESSAGE_ID JSON    sends one message
#
# The device key is read from DEVICE_KEY (base64), the function key from FUNCTION_KEY: arguments are seen by every user
# of a machine. HUB_URL says where the hub is reached, for an emulator; curl reads CURL_CA_BUNDLE.
set -eu

TOKEN_LIFETIME_S=3600

# Percent-encodes all but letters, digits and -._~
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

# The bytes of the key, filled up to 64 and each combined with $1 (HMAC, RFC 2104).
padded_key() {
  { printf %s "$DEVICE_KEY" | openssl base64 -d -A; head -c 64 /dev/zero; } | od -An -v -tx1 -N 64 |
    tr -s ' ' '\n' | while read -r byte; do
    # shellcheck disable=SC2059 # the octal escape is the format
    [ -z "$byte" ] || printf "\\$(printf %03o $((0x$byte ^ $1)))"
  done
}

# HMAC-SHA256 in base64, without the key among the arguments of any process.
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

# post URL BODY, with headers by stdin; headers and body reach curl by stdin too. An error is curl's, exit 22.
post() {
  {
    sed 's/.*/header = "&"/'
    printf %s "$2" | tr '\n\r' '  ' | sed 's/[\\"]/\\&/g; s/.*/data-binary = "&"/'
  } | curl --silent --show-error --fail-with-body --max-time 30 -K - "$1"
}

case ${1-} in
  key) openssl rand -base64 32 ;;
  register)
    answer=$(printf '%s: %s\n' Content-Type application/json X-Functions-Key "$FUNCTION_KEY" |
      post "$2/devices" "{\"deviceId\":\"$3\",\"deviceKey\":\"$DEVICE_KEY\"}")
    printf '%s\n' "$answer" | sed -n 's/.*"hostName" *: *"\([A-Za-z0-9.-]*\)".*/\1/p' ;;
  token) token "$2" "$3" "$4" && echo ;;
  send)
    printf '%s: %s\n' Authorization "$(token "$2" "$3" $(($(date +%s) + TOKEN_LIFETIME_S)))" \
      IoTHub-MessageId "$4" iothub-contenttype application/json iothub-contentencoding utf-8 \
      Content-Type application/json |
      post "${HUB_URL:-https://$2}/devices/$(encode "$3")/messages/events?api-version=2021-04-12" \
        "{\"deviceId\":\"$3\",\"Data\":$5}" ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
