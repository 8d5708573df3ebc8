/** Whether a host name or address, without port and brackets, can only be this computer. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The same of a `Host` header. */
export function isLoopbackAuthority(authority: string | undefined): boolean {
  const host = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(authority ?? "");
  return host !== null && isLoopbackHost((host[1] ?? host[2] ?? "").toLowerCase());
}
