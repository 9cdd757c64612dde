#!/bin/sh
# Reads commands as lines of tab-separated fields and answers each with a line; see driver.ts.
cd "$(dirname "$0")/../../../clients/phone" || exit 1
tab=$(printf '\t')
MAX_ARGUMENT=100000 # Linux allows 128 KB; a longer message comes by standard input

# Prints what the command prints, or how it failed.
answer() {
  if said=$("$@" 2>&1); then
    printf '%s\n' "${said:-sent}"
  elif [ $? -eq 75 ]; then
    echo retry
  else
    printf '%s\n' "$said" | sed -n \
      -e 's/.*the server returned \([0-9]*\) without.*/rejected \1/p' -e t \
      -e 's/.*the server returned \([0-9]* [A-Za-z_]*\).*/rejected \1/p'
  fi
}

while IFS=$tab read -r command a b c d e f; do
  case $command in
    token) DEVICE_KEY=$c ./hubfront-phone.sh token "$a" "$b" "$d" ;;
    register) answer env FUNCTION_KEY="$b" DEVICE_KEY="$d" ./hubfront-phone.sh register "$a" "$c" </dev/null ;;
    *)
      if [ ${#f} -lt $MAX_ARGUMENT ]; then
        answer env DEVICE_KEY="$c" HUB_URL="$d" ./hubfront-phone.sh send "$a" "$b" "$e" "$f" </dev/null
      else
        printf %s "$f" | answer env DEVICE_KEY="$c" HUB_URL="$d" ./hubfront-phone.sh send "$a" "$b" "$e"
      fi ;;
  esac
done
