import { createSecureContext } from "node:tls";

/**
 * Looks whether a certificate and a key, as PEM, can be served with.
 * @throws {Error} what OpenSSL says where they cannot.
 */
export function checkCertificate(tls: { readonly cert: string; readonly key: string }): void {
  createSecureContext(tls);
}
