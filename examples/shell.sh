#!/bin/sh
# Calls an API with a grant's access token.
#   GRANTKEEPER_URL=http://127.0.0.1:8700 GRANTKEEPER_API_KEY=gk_... sh shell.sh GRANT ADDRESS
#
# Key and token go to curl on standard input: among the arguments every user of the machine could see them.
set -eu

grant=${1:-meetings}
address=${2:-https://webexapis.com/v1/people/me}

# Asks the service; a refusal says what is wrong and what to do.
keeper() {
  path=$1
  shift
  answer=$(printf 'Authorization: Bearer %s\n' "$GRANTKEEPER_API_KEY" |
    curl --silent --show-error --max-time 35 --fail-with-body --header @- "$@" "${GRANTKEEPER_URL%/}$path") || {
    printf '%s\n' "$answer" >&2
    exit 1
  }
  printf '%s' "$answer"
}

# A text field of a token document.
field() {
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

call() {
  printf 'Authorization: Bearer %s\n' "$1" |
    curl --silent --show-error --max-time 30 --write-out '\n%{http_code}\n' --header @- "$address"
}

document=$(keeper "/v1/grants/$grant/token")
result=$(call "$(printf '%s' "$document" | field access_token)")
if [ "${result##*
}" = 401 ]; then
  # The token was rejected: say which, and get another. A thousand programs may; one refresh follows.
  rejected=$(printf '%s' "$document" | field fingerprint)
  document=$(keeper "/v1/grants/$grant/refresh" --header 'Content-Type: application/json' \
    --data "{\"if_fingerprint\": \"$rejected\"}")
  result=$(call "$(printf '%s' "$document" | field access_token)")
fi
printf '%s\n' "$result"
