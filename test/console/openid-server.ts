import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

/** An OpenID provider that we did not write, with its own sign-in pages: whoever types a name is that person. */
export interface OpenIdServer {
  readonly issuer: string;
  readonly close: () => Promise<void>;
}

export const CLIENT_ID = "grantkeeper-console";
export const CLIENT_SECRET = "console-secret-0123456789-0123456789";

/** @param groups of each person, by the name typed at its sign-in page */
export async function startOpenIdServer(
  redirectUri: string,
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<OpenIdServer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: "client_secret_post",
        application_type: "native",
      },
    ],
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email"] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: [...(groups[id] ?? [])] }),
    }),
    features: { devInteractions: { enabled: true } },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    pkce: { required: () => true },
  });
  const handle = provider.callback();
  server.on("request", (request, response) => void handle(request, response));
  return {
    issuer,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
