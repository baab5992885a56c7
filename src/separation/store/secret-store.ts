/** Keeps secrets that the gateways of one database share. */
export interface SecretStore {
  /** The secret of that name. `make` creates it if there is none. */
  secret(name: string, make: () => string): Promise<string>
}
