/** What a person does with a page that is no redirect: fills in its form, or does what its script would. */
export type ReadPage = (page: Page) => NextRequest | Promise<NextRequest>;

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
  /** A request with this browser's cookies, as a page's script sends it. */
  readonly call: (method: string, path: string, body: unknown) => Promise<Response>;
}

interface NextRequest {
  readonly url: string;
  /** Given: posted as a form. */
  readonly form?: URLSearchParams;
}

const MOST_STEPS = 20;

/**
 * A person with a browser: opens the address, follows redirects, keeps cookies, does what the pages ask, until
 * the redirect URI is reached; gives the address there.
 */
export async function walkToRedirect(address: string, redirectUri: string, read: ReadPage): Promise<string> {
  const cookies = new Map<string, string>();
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...Object.fromEntries(new Headers(init.headers)), cookie };
    const response = await fetch(url, { redirect: "manual", ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return response;
  };
  let next: NextRequest = { url: address };
  for (let step = 0; step < MOST_STEPS; step++) {
    const { url, form } = next;
    if (url.startsWith(redirectUri)) return url;
    const response = await send(url, form === undefined ? {} : { method: "POST", body: form });
    const location = response.headers.get("location");
    if (location !== null) {
      next = { url: new URL(location, url).href };
      continue;
    }
    const call = (method: string, path: string, body: unknown): Promise<Response> =>
      send(new URL(path, url).href, {
        method,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    next = await read({ url, status: response.status, text: await response.text(), call });
  }
  throw new Error("the redirect URI was not reached");
}
