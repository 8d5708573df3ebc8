/** Shapes of what Webex issues: to say a word when one thing is pasted in place of another. */

const CLIENT_ID = /^C[0-9a-f]{64}$/i;
const CLIENT_SECRET = /^[0-9a-f]{64}$/i;
/** Opaque tokens and codes: base64, cluster, organisation; or a JWT. */
const TOKEN = /^[A-Za-z0-9+/=_-]{40,}_[A-Z0-9]{4}_[0-9a-f-]{36}$|^eyJ[\w-]+\.[\w-]+\.[\w-]*$/i;
/** base64 of `ciscospark://us/`, with which Webex's public ids begin. */
const PUBLIC_ID = /^Y2lzY29zcGFyazov/;

/** A sentence where a client id does not look like one of Webex, or null. */
export function checkWebexClientId(value: string): string | null {
  if (CLIENT_ID.test(value)) return null;
  if (CLIENT_SECRET.test(value)) {
    return "The client id looks like a client secret (64 hex digits, without the C in front): were the two swapped?";
  }
  if (PUBLIC_ID.test(value)) return aboutPublicId(value);
  if (TOKEN.test(value)) return "The client id looks like a token or an authorization code.";
  if (/^[0-9a-f-]{36}$/i.test(value))
    return "The client id looks like the id of an organisation or a person.";
  return "The client id does not look like one of Webex: a C and 64 hex digits.";
}

/** Such an id is no secret, so what stands inside may be said. */
function aboutPublicId(value: string): string {
  const inside = Buffer.from(value, "base64").toString("utf8");
  const [, type = "", id = ""] = /^ciscospark:\/\/\w+\/([A-Z_]+)\/([\w-]+)$/.exec(inside) ?? [];
  if (type !== "APPLICATION") {
    return "The client id is one of Webex's public ids (Y2lz…), and not that of an application.";
  }
  const hint = CLIENT_ID.test(id) ? `: ${id}` : "";
  return `The client id is the public id of an application, as lists of applications and Service Apps show it; the client id stands inside it${hint}.`;
}

/** A sentence where a client secret does not look like one of Webex, or null. Never repeats the value. */
export function checkWebexClientSecret(value: string): string | null {
  if (CLIENT_SECRET.test(value)) return null;
  if (CLIENT_ID.test(value))
    return "The client secret looks like a client id (C and 64 hex digits): were the two swapped?";
  if (PUBLIC_ID.test(value)) return "The client secret looks like one of Webex's public ids (Y2lz…).";
  if (TOKEN.test(value)) return "The client secret looks like a token or an authorization code.";
  return "The client secret does not look like one of Webex: 64 hex digits.";
}
