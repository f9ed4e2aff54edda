import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { ensurePki, type Pki } from '../pki/ensure.ts'
import { controllerSelected } from '../server/options.ts'
import { parseFlags } from './flags.ts'
import { SERVE_FLAGS } from './serverflags.ts'
import { serveOptions } from './serveroptions.ts'

let folder: string
let pki: Pki

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podpass-serve-'))
  pki = await ensurePki(folder, { server: ['localhost'], tokenKey: 'ES256' }, systemClock)
  await pki.serviceAccountKey
})

function serve(flags: readonly string[], files: Record<string, string> = {}) {
  const accounts = [
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${folder}/sa.key`,
    `--service-account-key-file=${folder}/sa.key`,
  ]
  return serveOptions(parseFlags([...accounts, ...flags], SERVE_FLAGS), {
    readFile: (path) => files[path] ?? readFileSync(path, 'utf8'),
    ownIdentity: async () => ({ ...pki.server, ca: pki.authority.certificate }),
  })
}

describe('serveOptions()', () => {
  test('reads the flags of the golden recordings', async () => {
    const { options, notices } = await serve([
      '--secure-port=6443',
      `--client-ca-file=${folder}/ca.crt`,
      `--tls-cert-file=${folder}/apiserver.crt`,
      `--tls-private-key-file=${folder}/apiserver.key`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--service-cluster-ip-range=10.0.0.0/24',
      `--root-ca-file=${folder}/ca.crt`,
      `--cluster-signing-cert-file=${folder}/ca.crt`,
      `--cluster-signing-key-file=${folder}/ca.key`,
      '--emulated-version=1.36',
      '--nodes=0',
      '--scheduler=false',
      '--etcd-servers=http://127.0.0.1:2379',
    ])
    expect(notices).toEqual([])
    expect(options).toMatchObject({
      bindAddress: '127.0.0.1',
      securePort: 6443,
      clientCA: pki.authority.certificate,
      tls: { certificate: pki.server.certificate, key: pki.server.key },
      authorizationModes: ['Node', 'RBAC'],
      admission: { enable: ['NodeRestriction'], disable: [] },
      store: { kind: 'etcd', servers: ['http://127.0.0.1:2379'], prefix: '/registry' },
      controllers: { selection: ['*'], rootCA: pki.authority.certificate, clusterSigning: pki.authority },
      emulatedMinor: 36,
      serviceAccount: { issuers: ['https://kubernetes.default.svc'], keys: [await pki.serviceAccountKey] },
    })
  })

  test('takes a certificate of its own where none is given', async () => {
    const { options } = await serve([])
    expect(options.tls.certificate).toBe(pki.server.certificate)
    expect(options.controllers.rootCA).toBe(pki.authority.certificate)
    expect(options.store).toEqual({ kind: 'embedded', dataDir: './.podpass' })
  })

  test('names the flags that have no effect', async () => {
    const { notices } = await serve(['--watch-cache=false', '--leader-elect=true'])
    expect(notices.map((notice) => notice.split(' ')[0])).toEqual(['--watch-cache', '--leader-elect'])
  })

  test('lets a refused switch say what is so anyway', async () => {
    await expect(serve(['--enable-bootstrap-token-auth=false', '--enable-garbage-collector=true'])).resolves.toBeDefined()
  })

  test('translates the old names of controllers', async () => {
    const { options } = await serve(['--controllers=*,-garbagecollector'])
    expect(options.controllers.selection).toEqual(['*', '-garbage-collector-controller'])
  })

  test('reads static tokens with quoted groups behind the unsafe flag', async () => {
    const files = { tokens: 'secret,admin,1,"system:masters,devs"\n\nother,bob,2\nspace,eve,3,"system:masters "\n' }
    const { options } = await serve(['--token-auth-file=tokens', '--unsafe-static-tokens'], files)
    expect(options.staticTokens).toEqual([
      { token: 'secret', username: 'admin', uid: '1', groups: ['system:masters', 'devs'] },
      { token: 'other', username: 'bob', uid: '2', groups: [] },
      // A look-alike stays one.
      { token: 'space', username: 'eve', uid: '3', groups: ['system:masters '] },
    ])
  })

  test('reads the settings of issuers and webhooks', async () => {
    const kubeconfig = join(folder, 'webhook.kubeconfig')
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        clusters: [{ name: 'a', cluster: { server: 'https://judge.example' } }],
        contexts: [{ name: 'a', context: { cluster: 'a' } }],
        'current-context': 'a',
      }),
    )
    const { options } = await serve([
      '--authorization-mode=Node,Webhook,RBAC',
      `--authorization-webhook-config-file=${kubeconfig}`,
      '--authorization-webhook-version=v1',
      '--authorization-webhook-cache-authorized-ttl=1m',
      '--oidc-issuer-url=https://sso.example',
      '--oidc-client-id=podpass',
      '--oidc-required-claim=a=b,c=d',
      '--oidc-required-claim=e=f',
      `--authentication-token-webhook-config-file=${kubeconfig}`,
      '--authentication-token-webhook-cache-ttl=0',
    ])
    expect(options).toMatchObject({
      authorizationModes: ['Node', 'Webhook', 'RBAC'],
      authorizationWebhook: {
        kubeConfigFile: kubeconfig,
        version: 'v1',
        authorizedMs: 60_000,
        unauthorizedMs: 30_000,
        failurePolicy: 'NoOpinion',
      },
      oidc: {
        issuerUrl: 'https://sso.example',
        usernameClaim: 'sub',
        signingAlgorithms: ['RS256'],
        requiredClaims: { a: 'b,c=d', e: 'f' },
      },
      tokenWebhook: { kubeConfigFile: kubeconfig, version: 'v1beta1', cacheSeconds: 0 },
    })
  })

  test('lets nobody in anonymously where everything is allowed', async () => {
    expect((await serve(['--authorization-mode=AlwaysAllow'])).options.anonymousAuth).toBe(false)
    expect((await serve(['--authorization-mode=RBAC'])).options.anonymousAuth).toBe(true)
  })

  test('cuts and throttles audit events as it is told', async () => {
    const { options } = await serve([
      '--audit-log-path=-',
      '--audit-log-mode=batch',
      '--audit-log-batch-throttle-enable',
      '--audit-log-batch-throttle-qps=2.5',
      '--audit-log-batch-throttle-burst=5',
      '--audit-log-truncate-enabled',
      '--audit-log-truncate-max-event-size=1000',
      '--audit-log-version=audit.k8s.io/v1',
    ])
    expect(options.audit?.log).toMatchObject({ maxEventBytes: 1000, batch: { throttle: { qps: 2.5, burst: 5 } } })
    const plain = await serve(['--audit-log-path=-'])
    expect(plain.options.audit?.log?.maxEventBytes).toBeUndefined()
    expect(plain.options.audit?.log?.batch.throttle).toBeUndefined()
  })

  test.each([
    ['--audit-log-truncate-max-event-size=0', /invalid audit truncate log max event size 0, must be a positive number/],
    [
      '--audit-webhook-truncate-max-batch-size=1',
      /invalid audit truncate webhook max batch size 1, must be greater than max event size \(102400\)/,
    ],
    ['--audit-log-version=audit.k8s.io/v2', /invalid group version, allowed versions are \["audit.k8s.io\/v1"\]/],
    ['--audit-log-batch-throttle-enable', /invalid audit batch log throttle QPS 0, must be a positive number/],
  ])('refuses the audit flag %s', async (flag, why) => {
    await expect(serve(['--audit-log-path=-', '--audit-log-mode=batch', flag])).rejects.toThrow(why)
  })

  test('names file, path and reason of a broken configuration, and of several at once', async () => {
    const authorization = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: [{type: RBAC, name: a}]\n'
    const authentication = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: [{}]\n'
    const refused = serve(['--authorization-config=z.yaml', '--authentication-config=n.yaml'], {
      'z.yaml': authorization,
      'n.yaml': authentication,
    })
    await expect(refused).rejects.toThrow('--authorization-config: z.yaml: expected name rbac for authorizer RBAC instead of a')
    await expect(refused).rejects.toThrow(
      '--authentication-config: n.yaml: invalid authentication configuration: [jwt[0].issuer.url: Required value, jwt[0].issuer.audiences: Required value',
    )
  })

  test('refuses --anonymous-auth beside a file that says more of it', async () => {
    const file = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true}\n'
    await expect(serve(['--authentication-config=a.yaml', '--anonymous-auth'], { 'a.yaml': file })).rejects.toThrow(
      /a.yaml: anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file/,
    )
    const { options } = await serve(['--authentication-config=a.yaml'], { 'a.yaml': file })
    expect(options.authenticationConfig?.read().toString()).toBe(file)
  })

  test('takes a signing endpoint in place of both key files, and not beside them', async () => {
    await expect(serve(['--service-account-signing-endpoint=/run/signer.sock'])).rejects.toThrow(/signs in place of/)
  })

  test('keeps keys with a life where it is told to, and not beside a signing endpoint', async () => {
    expect((await serve([])).options.serviceAccount.keyFolder).toBeUndefined()
    expect((await serve(['--service-account-signing-key-dir=keys'])).options.serviceAccount.keyFolder).toBe('keys')
    const both = ['--service-account-signing-endpoint=/run/signer.sock', '--service-account-signing-key-dir=keys']
    await expect(serve(both)).rejects.toThrow(/nothing for --service-account-signing-key-dir/)
  })

  test('remembers tokens and accepts those of vanished nodes unless told otherwise', async () => {
    expect((await serve([])).options.serviceAccount).toMatchObject({ ledger: true, strictNodeClaim: false })
    const { options } = await serve(['--token-ledger=false', '--strict-node-claim'])
    expect(options.serviceAccount).toMatchObject({ ledger: false, strictNodeClaim: true })
  })

  test('gives accounts no token Secrets unless told otherwise', async () => {
    expect((await serve([])).options.controllers.legacyTokens).toBe(false)
    expect((await serve(['--legacy-tokens'])).options.controllers.legacyTokens).toBe(true)
  })

  const refusals: [name: string, flags: string[], message: RegExp][] = [
    ['half of a pair', ['--tls-cert-file=x'], /--tls-cert-file and --tls-private-key-file go together; --tls-private-key-file is missing/],
    ['two stores', ['--etcd-servers=http://a:1', '--data-dir=x'], /two stores/],
    ['etcd certificates without etcd', ['--etcd-cafile=x'], /means nothing without --etcd-servers/],
    ['a mode twice', ['--authorization-mode=RBAC,RBAC'], /authorization-mode \["RBAC" "RBAC"\] has mode specified more than once/],
    [
      'a webhook without its mode',
      ['--authorization-webhook-config-file=x'],
      /cannot specify --authorization-webhook-config-file without mode Webhook/,
    ],
    [
      'an unknown version of a webhook',
      ['--authentication-token-webhook-config-file=x', '--authentication-token-webhook-version=v2'],
      /unsupported authentication webhook version "v2", supported versions are "v1", "v1beta1"/,
    ],
    ['a webhook without its kubeconfig', ['--authentication-token-webhook-config-file=/nonexistent'], /\/nonexistent cannot be read/],
    [
      'two configurations of authorization',
      ['--authorization-config=x', '--authorization-mode=RBAC'],
      /--authorization-config can not be specified when --authorization-mode or --authorization-webhook-\* flags are defined/,
    ],
    ['an authorization configuration that is not there', ['--authorization-config=x'], /--authorization-config=x: there is no such file/],
    [
      'two configurations of authentication',
      ['--authentication-config=x', '--oidc-issuer-url=https://a'],
      /authentication-config file and oidc-\* flags are mutually exclusive/,
    ],
    [
      'an issuer without a client',
      ['--oidc-issuer-url=https://a'],
      /oidc-issuer-url and oidc-client-id must be specified together when any oidc-\* flags are set/,
    ],
    [
      'an issuer without TLS',
      ['--oidc-issuer-url=http://a', '--oidc-client-id=b'],
      /invalid authentication configuration: jwt\[0\].issuer.url: Invalid value: "http:\/\/a": URL scheme must be https/,
    ],
    [
      'an unknown algorithm',
      ['--oidc-issuer-url=https://a', '--oidc-client-id=b', '--oidc-signing-algs=none'],
      /oidc: unsupported signing alg: "none"/,
    ],
    ['static tokens without the unsafe flag', ['--token-auth-file=/dev/null'], /needs --unsafe-static-tokens/],
    ['what kube-apiserver has and podpass does not do', ['--encryption-provider-config=x'], /--encryption-provider-config is refused/],
    ['an unknown mode', ['--authorization-mode=RBCA'], /did you mean RBAC/],
    [
      'the mode Webhook without a webhook',
      ['--authorization-mode=Webhook'],
      /authorization-mode Webhook's authorization config file not passed/,
    ],
    ['an unknown admission plugin', ['--enable-admission-plugins=NodeRestrictions'], /did you mean NodeRestriction\?/],
    [
      'a plugin that is turned on and off',
      ['--enable-admission-plugins=Priority', '--disable-admission-plugins=Priority'],
      /both name Priority/,
    ],
    ['an unknown controller', ['--controllers=namespaces-controller'], /did you mean namespace-controller/],
    ['a file that is not there', ['--client-ca-file=/nowhere'], /--client-ca-file=\/nowhere: there is no such file/],
    ['a file without a certificate', ['--client-ca-file=/dev/null'], /no PEM certificate/],
    ['a version nobody emulates', ['--emulated-version=1.30'], /1\.33 to 1\.36/],
    ['an issuer twice', ['--service-account-issuer=https://kubernetes.default.svc'], /one issuer twice/],
    ['keys published over http', ['--service-account-jwks-uri=http://x/keys'], /an https URL/],
    ['a token life under an hour', ['--service-account-max-token-expiration=59m'], /between one hour/],
    ['two ranges of one family', ['--service-cluster-ip-range=10.0.0.0/24,10.1.0.0/24'], /different IP families/],
    ['a port range backwards', ['--service-node-port-range=32000-31000'], /such as 30000-32767/],
    ['a word that is no flag', ['serve'], /serve is no flag/],
    ['a host name where an address is needed', ['--bind-address=localhost'], /an IP address is needed/],
  ]
  test.each(refusals)('refuses %s', async (_, flags, message) => {
    await expect(serve(flags)).rejects.toThrow(message)
  })

  test('says all that is wrong at once', async () => {
    await expect(serve(['--emulated-version=1', '--secure-port=70000'])).rejects.toThrow(/--secure-port[^\n]*\n|\n[^\n]*--secure-port/)
  })
})

describe('controllerSelected()', () => {
  const cases: [name: string, selection: string[], want: boolean][] = [
    ['runs under *', ['*'], true],
    ['runs when named', ['job-controller'], true],
    ['does not run when another is named', ['cronjob-controller'], false],
    ['does not run when taken out', ['*', '-job-controller'], false],
    ['does not run under -*', ['-*'], false],
    ['follows the first word about it', ['-job-controller', 'job-controller'], false],
  ]
  test.each(cases)('%s', (_, selection, want) => expect(controllerSelected('job-controller', selection)).toBe(want))
  test('leaves out what is off by default unless it is named', () => {
    expect(controllerSelected('token-cleaner-controller', ['*'], false)).toBe(false)
    expect(controllerSelected('token-cleaner-controller', ['*', 'token-cleaner-controller'], false)).toBe(true)
  })
})
