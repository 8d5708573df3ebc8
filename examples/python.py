#!/usr/bin/env python3
"""Calls an API with a grant's access token; nothing but Python's own library is needed.

GRANTKEEPER_URL=http://127.0.0.1:8700 GRANTKEEPER_API_KEY=gk_... python3 python.py GRANT ADDRESS
"""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would carry the Authorization field to wherever a redirect leads."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirects)
KEEPER = os.environ["GRANTKEEPER_URL"].rstrip("/")
KEY = os.environ["GRANTKEEPER_API_KEY"]


def keeper(path, body=None):
    """Asks the service; a refusal says what is wrong and what to do."""
    request = urllib.request.Request(
        KEEPER + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    try:
        with OPENER.open(request, timeout=35) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        try:
            problem = json.load(refusal)
            sys.exit(f"{problem['code']}: {problem['detail']} {problem.get('remedy', '')}")
        except (ValueError, KeyError, TypeError):
            sys.exit(f"HTTP {refusal.code}: this is not Grantkeeper's API.")
    except OSError as failure:
        reason = getattr(failure, "reason", failure)
        sys.exit(f"{KEEPER} cannot be reached ({reason}). Does grantkeeper serve run, and is the address right?")


def call(address, token):
    request = urllib.request.Request(
        address, headers={"Authorization": f"{token['token_type']} {token['access_token']}"}
    )
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError as failure:
        sys.exit(f"{address} cannot be reached ({getattr(failure, 'reason', failure)}).")


grant, address = (sys.argv[1:] + ["meetings", "https://webexapis.com/v1/people/me"])[:2]
name = urllib.parse.quote(grant, safe="")
token = keeper(f"/v1/grants/{name}/token")
status, text = call(address, token)
if status == 401:
    # The token was rejected: say which, and get another. A thousand programs may; one refresh follows.
    token = keeper(f"/v1/grants/{name}/refresh", {"if_fingerprint": token["fingerprint"]})
    status, text = call(address, token)
print(status, text)
