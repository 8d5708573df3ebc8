import { createCipheriv, createDecipheriv, createHash, createHmac, randomFillSync } from "node:crypto";
import { GrantkeeperError } from "../core/errors.ts";
import type { SealContext, Sealed } from "../core/sealed.ts";
import type { Sealer } from "../keeper/ports.ts";

/** Length of a master key in bytes. */
export const MASTER_KEY_LENGTH = 32;

const VERSION = "1";
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/**
 * Seals with AES-256-GCM under keys derived from one master key (RFC 5869). The envelope is
 * `1.<key id>.<base64url of nonce, ciphertext, tag>`; table, column, row id and generation are
 * authenticated with it, so a value moved to another place, or back to an older generation, does not open.
 */
export function createSealer(masterKey: Uint8Array): Sealer & { readonly keyId: string } {
  const sealKey = derive(masterKey, "seal");
  const hashKey = derive(masterKey, "fingerprint");
  const keyId = derive(masterKey, "key id").subarray(0, 4).toString("hex");

  const nextNonce = nonces();

  return {
    keyId,
    seal: (plaintext, context) => {
      const nonce = nextNonce();
      const cipher = createCipheriv("aes-256-gcm", sealKey, nonce);
      cipher.setAAD(additionalData(context));
      const sealed = Buffer.concat([
        nonce,
        cipher.update(plaintext, "utf8"),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return `${VERSION}.${keyId}.${sealed.toString("base64url")}` as Sealed;
    },
    open: (sealed, context) => {
      const bytes = readEnvelope(sealed, keyId, context);
      const decipher = createDecipheriv("aes-256-gcm", sealKey, bytes.subarray(0, NONCE_LENGTH));
      decipher.setAAD(additionalData(context));
      decipher.setAuthTag(bytes.subarray(-TAG_LENGTH));
      try {
        const opened = decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH), undefined, "utf8");
        return opened + decipher.final("utf8");
      } catch (cause) {
        throw unreadable(context, "has been changed or moved since it was written", cause);
      }
    },
    fingerprint: (token) => createHmac("sha256", hashKey).update(token).digest("hex").slice(0, 16),
    lookupHash: (value) => createHmac("sha256", hashKey).update(`lookup:${value}`).digest("base64url"),
    digest: (value) => createHash("sha256").update(value).digest("hex"),
  };
}

/** Random nonces, made some at a time: one request for random bytes costs as much as the sealing itself. */
function nonces(): () => Buffer {
  const stock = Buffer.alloc(NONCE_LENGTH * 64);
  let used = stock.length;
  return () => {
    if (used === stock.length) {
      randomFillSync(stock);
      used = 0;
    }
    used += NONCE_LENGTH;
    return Buffer.from(stock.subarray(used - NONCE_LENGTH, used));
  };
}

/** HKDF-Expand (RFC 5869 section 2.3), one block: the master key is random already and needs no extraction. */
function derive(masterKey: Uint8Array, purpose: string): Buffer {
  return createHmac("sha256", masterKey).update(`grantkeeper ${purpose}\u0001`).digest();
}

function additionalData({ table, column, id, generation }: SealContext): Buffer {
  return Buffer.from(JSON.stringify([VERSION, table, column, id, generation]));
}

function readEnvelope(sealed: Sealed, keyId: string, context: SealContext): Buffer {
  const [version, sealedUnder, payload] = sealed.split(".");
  if (version !== VERSION || sealedUnder === undefined || payload === undefined) {
    throw unreadable(context, "is not in a form this version of Grantkeeper knows");
  }
  if (sealedUnder !== keyId) throw wrongMasterKey(sealedUnder, keyId);
  const bytes = Buffer.from(payload, "base64url");
  // Decoding passes over what is no base64url; a value that was changed there has been changed all the same.
  if (`${VERSION}.${keyId}.${bytes.toString("base64url")}` !== sealed) {
    throw unreadable(context, "has been changed since it was written");
  }
  if (bytes.length < NONCE_LENGTH + TAG_LENGTH) throw unreadable(context, "is cut short");
  return bytes;
}

/** The error for a master key that is not the one the store was sealed under. */
export function wrongMasterKey(needed: string, given: string): GrantkeeperError {
  return new GrantkeeperError(
    "master_key_unusable",
    `The store is sealed under master key ${needed}, but the key given is ${given}.`,
    {
      remedy: `Give the key ${needed} in GRANTKEEPER_MASTER_KEY, GRANTKEEPER_MASTER_KEY_FILE or the home's master.key. Nothing was changed.`,
    },
  );
}

function unreadable(context: SealContext, what: string, cause?: unknown): GrantkeeperError {
  return new GrantkeeperError(
    "master_key_unusable",
    `The sealed ${context.column} of ${context.table} ${context.id} ${what}.`,
    {
      remedy: "Restore this row from a backup, or connect the grant again. Other grants are not affected.",
      cause,
    },
  );
}
