/** Whether a host, as `URL.hostname` writes it, is this machine itself: the only one plain http may go to. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
