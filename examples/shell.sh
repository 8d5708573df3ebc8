#!/bin/sh
# Calls an API with a grant's access token.
#   GRANTKEEPER_URL=http://127.0.0.1:8700 GRANTKEEPER_API_KEY=gk_... sh shell.sh GRANT ADDRESS
#
# Key and token go to curl on standard input: among the arguments every user of the machine could see them.
set -eu

grant=${1:-meetings}
address=${2:-https://webexapis.com/v1/people/me}

answer=$(printf 'Authorization: Bearer %s\n' "$GRANTKEEPER_API_KEY" |
  curl --silent --show-error --max-time 35 --fail-with-body --header @- "${GRANTKEEPER_URL%/}/v1/grants/$grant/token") || {
  printf '%s\n' "$answer" >&2
  exit 1
}
token=$(printf '%s' "$answer" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')

printf 'Authorization: Bearer %s\n' "$token" |
  curl --silent --show-error --max-time 30 --write-out '\n%{http_code}\n' --header @- "$address"
