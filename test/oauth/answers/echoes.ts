import { broker, type Failing, gateway, refuses } from "./answer.ts";

const UNKNOWN = "unavailable unrecognised_refusal";
const FAILED = "in_doubt server_error";

/**
 * Answers that send back what was sent, and try to forge what stands around them.
 * @param secret the refresh token that was sent.
 */
export function echoes(secret: string): Failing[] {
  const basic = Buffer.from(secret).toString("base64");
  const form = new URLSearchParams({ refresh_token: secret }).toString();
  return [
    refuses("the refresh token as the description", 400, broker("weather", secret), UNKNOWN),
    refuses("the refresh token as the code", 400, broker(secret), UNKNOWN),
    refuses(
      "the refresh token in a sentence",
      400,
      broker("weather", `The token "${secret}" is unknown.`),
      UNKNOWN,
    ),
    refuses("the refresh token URL-encoded", 400, broker("weather", encodeURIComponent(secret)), UNKNOWN),
    refuses("the refresh token in base64", 400, broker("weather", `Basic ${basic}`), UNKNOWN),
    refuses("the whole request", 400, broker("weather", `Cannot parse ${form}`), UNKNOWN),
    refuses("the refresh token, gateway", 400, gateway(secret, `token=${secret}`), UNKNOWN),
    refuses("the refresh token as tracking id", 400, { trackingId: secret }, UNKNOWN, {
      headers: { trackingid: secret },
    }),
    refuses("the refresh token with 500", 500, broker("weather", secret), FAILED),
    refuses(
      "the refresh token with 500 and its name",
      500,
      { error: { code: secret, message: secret } },
      FAILED,
    ),
    refuses(
      "the beginning of the refresh token",
      400,
      broker("weather", `token ${secret.slice(0, 14)}... unknown`),
      UNKNOWN,
    ),
    refuses(
      "the refresh token where texts are cut",
      400,
      broker("weather", `${"long ".repeat(38)}${secret}`),
      UNKNOWN,
    ),
    refuses("the refresh token a thousand times", 400, broker("weather", `${secret} `.repeat(1000)), UNKNOWN),
    refuses("the refresh token as the place to go", 302, "", "unavailable unavailable", {
      headers: { location: `https://login.example/?token=${encodeURIComponent(secret)}` },
    }),
    refuses("the refresh token as a name to go to", 302, "", "unavailable unavailable", {
      headers: { location: `https://${secret.replaceAll(/[^\w-]/g, "")}.example/` },
    }),
    refuses(
      "tokens that came with the failure",
      500,
      { access_token: "canary-new-access-1", error_description: "issued canary-new-access-1" },
      FAILED,
    ),
    refuses(
      "a refresh token that came with the failure",
      400,
      {
        refresh_token: "canary-new-refresh-1",
        error: "weather",
        error_description: "not canary-new-refresh-1",
      },
      UNKNOWN,
    ),
    refuses(
      "control characters",
      400,
      broker("weather\n", "a\r\nb\u001b[31mc\u202ed\u0000e\u2028f\u200bg"),
      UNKNOWN,
    ),
    refuses("a description of 1 MB", 400, broker("weather", "ä".repeat(400_000)), UNKNOWN),
    refuses(
      "a description that is an object",
      400,
      { error: "weather", error_description: { text: secret } },
      UNKNOWN,
    ),
  ];
}
