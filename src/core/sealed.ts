/** A secret as the store keeps it: encrypted, bound to the place it stands in. Opened by the `Sealer` port. */
export type Sealed = string & { readonly __sealed: unique symbol };

/** Where a sealed value stands; authenticated with it, so that it opens nowhere else. */
export interface SealContext {
  readonly table: string;
  readonly column: string;
  readonly id: string;
  readonly generation: number;
}
