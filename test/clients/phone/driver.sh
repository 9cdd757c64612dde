#!/bin/sh
# Reads commands as lines of tab-separated fields and answers each with a line; see driver.ts.
cd "$(dirname "$0")/../../../clients/phone" || exit 1
tab=$(printf '\t')
while IFS=$tab read -r command a b c d e f; do
  case $command in
    token) DEVICE_KEY=$c ./hubfront-phone.sh token "$a" "$b" "$d" ;;
    register) FUNCTION_KEY=$b DEVICE_KEY=$d ./hubfront-phone.sh register "$a" "$c" ;;
    *)
      if said=$(DEVICE_KEY=$c HUB_URL=$d ./hubfront-phone.sh send "$a" "$b" "$e" "$f" 2>&1); then
        echo sent
      else
        printf '%s\n' "$said" | sed -n 's/.*returned error: \([0-9]*\).*/\1/p'
      fi ;;
  esac
done
