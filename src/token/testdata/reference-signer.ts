/**
 * A signer of KEP-740 as somebody else would write it: it keeps its keys to itself and does what it is told to do wrong.
 *
 * @module
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js'
import { booleanField, bytesField, FieldReader, message, numberField } from '../../storage/etcd/protobuf.ts'

export interface ReferenceKey {
  kid: string
  privateKey: KeyObject
  excluded?: boolean
}

export class ReferenceSigner {
  keys: ReferenceKey[]
  signsWith: string
  refreshHintSeconds = 60
  maxExpirationSeconds = 86_400
  dataSeconds = 1_750_000_000
  header: Record<string, unknown> | undefined
  signature: string | undefined
  refuses: string | undefined
  fetches = 0
  readonly #server = new Server()

  constructor(keys: ReferenceKey[]) {
    this.keys = keys
    this.signsWith = keys[0]!.kid
  }

  /** Listens on a socket. */
  async listen(path: string): Promise<void> {
    const same = (bytes: Buffer) => bytes
    const method = (name: string) => ({
      path: `/v1.ExternalJWTSigner/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    })
    const answer =
      (make: (request: Buffer) => Buffer) =>
      (call: { request: Buffer }, callback: (error: Partial<ServiceError> | null, answer?: Buffer) => void) =>
        this.refuses === undefined ? callback(null, make(call.request)) : callback({ code: status.INTERNAL, details: this.refuses })
    this.#server.addService(
      { Sign: method('Sign'), FetchKeys: method('FetchKeys'), Metadata: method('Metadata') },
      {
        Sign: answer((request) => this.#sign(request)),
        FetchKeys: answer(() => this.#fetchKeys()),
        Metadata: answer(() => numberField(1, this.maxExpirationSeconds)),
      },
    )
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): void {
    this.#server.forceShutdown()
  }

  #sign(request: Buffer): Buffer {
    const reader = new FieldReader(request)
    reader.next()
    const claims = reader.text()
    const key = this.keys.find(({ kid }) => kid === this.signsWith)!
    const header = Buffer.from(JSON.stringify(this.header ?? { alg: 'ES256', kid: key.kid, typ: 'JWT' })).toString('base64url')
    const signature =
      this.signature ??
      sign('sha256', Buffer.from(`${header}.${claims}`), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    return message(bytesField(1, Buffer.from(header)), bytesField(2, Buffer.from(signature)))
  }

  #fetchKeys(): Buffer {
    this.fetches++
    const keys = this.keys.map(({ kid, privateKey, excluded = false }) =>
      bytesField(
        1,
        message(
          bytesField(1, Buffer.from(kid)),
          bytesField(2, createPublicKey(privateKey).export({ format: 'der', type: 'spki' })),
          booleanField(3, excluded),
        ),
      ),
    )
    return message(...keys, bytesField(2, numberField(1, this.dataSeconds)), numberField(3, this.refreshHintSeconds))
  }
}
