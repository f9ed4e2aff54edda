/**
 * What functions take and give, as the type checker sees them.
 *
 * A declaration is `receiver#name(arguments) result`; single letters are type parameters. Where a list of words stands before a `|`, there is
 * one overload for each of them, in the place of `X`.
 *
 * @see github.com/google/cel-go, common/stdlib, ext; apiserver/pkg/cel/library
 * @module
 */
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  opaque,
  optionalOf,
  param,
  STRING,
  struct,
  TIMESTAMP,
  TYPE,
  type Type,
  typeOf,
  UINT,
} from './types.ts'

export interface Overload {
  readonly member: boolean
  readonly args: readonly Type[]
  readonly result: Type
  /** Names of the type parameters in it. */
  readonly params: readonly string[]
}

const COMPARED =
  'bool,bool int,int int,double int,uint uint,uint uint,double uint,int double,double double,int double,uint string,string bytes,bytes timestamp,timestamp duration,duration'
const SORTED = 'int uint double bool duration timestamp string bytes'

const DECLARATIONS = `
!_(bool) bool
-_(double) double
-_(int) int
@in(A, list(A)) bool
@in(A, map(A, B)) bool
@not_strictly_false(bool) bool
_&&_(bool, bool) bool
_||_(bool, bool) bool
_==_(A, A) bool
_!=_(A, A) bool
_?_:_(bool, A, A) A
${COMPARED}|_<_(X) bool
${COMPARED}|_<=_(X) bool
${COMPARED}|_>_(X) bool
${COMPARED}|_>=_(X) bool
bytes double|_+_(X, X) X
_+_(duration, duration) duration
_+_(duration, timestamp) timestamp
_+_(timestamp, duration) timestamp
int|_+_(X, X) X
_+_(list(A), list(A)) list(A)
string uint|_+_(X, X) X
double duration int|_-_(X, X) X
_-_(timestamp, duration) timestamp
_-_(timestamp, timestamp) duration
_-_(uint, uint) uint
double int uint|_*_(X, X) X
double int uint|_/_(X, X) X
int uint|_%_(X, X) X
_[_](list(A), int) A
_[_](map(A, B), A) B
_[_](optional(list(V)), int) optional(V)
_[_](optional(map(K, V)), K) optional(V)
_[?_](list(V), int) optional(V)
_[?_](optional(list(V)), int) optional(V)
_[?_](map(K, V), K) optional(V)
_[?_](optional(map(K, V)), K) optional(V)

bool string|bool(X) bool
bytes string|bytes(X) bytes
double int string uint|double(X) double
duration int string|duration(X) duration
dyn(A) dyn
int double duration string timestamp uint|int(X) int
string bool bytes double duration int timestamp uint net.IP net.CIDR|string(X) string
timestamp int string|timestamp(X) timestamp
type(A) type(A)
uint double int string|uint(X) uint
bytes list(A) map(A,B) string|size(X) int
bytes list(A) map(A,B) string|X#size() int
timestamp|X#getDate() int
timestamp|X#getDate(string) int
timestamp|X#getDayOfMonth() int
timestamp|X#getDayOfMonth(string) int
timestamp|X#getDayOfWeek() int
timestamp|X#getDayOfWeek(string) int
timestamp|X#getDayOfYear() int
timestamp|X#getDayOfYear(string) int
timestamp|X#getFullYear() int
timestamp|X#getFullYear(string) int
timestamp|X#getMonth() int
timestamp|X#getMonth(string) int
timestamp duration|X#getHours() int
timestamp|X#getHours(string) int
timestamp duration|X#getMinutes() int
timestamp|X#getMinutes(string) int
timestamp duration|X#getSeconds() int
timestamp|X#getSeconds(string) int
timestamp duration|X#getMilliseconds() int
timestamp|X#getMilliseconds(string) int

matches(string, string) bool
string#matches(string) bool
string#contains(string) bool
string#startsWith(string) bool
string#endsWith(string) bool
string#charAt(int) string
string#find(string) string
string#findAll(string) list(string)
string#findAll(string, int) list(string)
string#format(list(dyn)) string
string#indexOf(string) int
string#indexOf(string, int) int
string#lastIndexOf(string) int
string#lastIndexOf(string, int) int
string#lowerAscii() string
string#upperAscii() string
string#replace(string, string) string
string#replace(string, string, int) string
string#split(string) list(string)
string#split(string, int) list(string)
string#substring(int) string
string#substring(int, int) string
string#trim() string
strings.quote(string) string
list(string)#join() string
list(string)#join(string) string

list(A)#indexOf(A) int
list(A)#lastIndexOf(A) int
${SORTED}|list(X)#isSorted() bool
${SORTED}|list(X)#max() X
${SORTED}|list(X)#min() X
${SORTED}|list(X)#sort() list(X)
${SORTED}|list(T)#@sortByAssociatedKeys(list(X)) list(T)
int uint double duration|list(X)#sum() X
list(T)#distinct() list(T)
list(T)#reverse() list(T)
list(T)#slice(int, int) list(T)
list(list(T))#flatten() list(T)
list(dyn)#flatten(int) list(dyn)
list(V)#first() optional(V)
list(V)#last() optional(V)
lists.range(int) list(int)
sets.contains(list(T), list(T)) bool
sets.equivalent(list(T), list(T)) bool
sets.intersects(list(T), list(T)) bool
cel.@mapInsert(map(K, V), K, V) map(K, V)
cel.@mapInsert(map(K, V), map(K, V)) map(K, V)

optional.none() optional(V)
optional.of(V) optional(V)
optional.ofNonZeroValue(V) optional(V)
optional.unwrap(list(optional(V))) list(V)
list(optional(V))#unwrapOpt() list(V)
optional(V)#hasValue() bool
optional(V)#or(optional(V)) optional(V)
optional(V)#orValue(V) V
optional(V)#value() V

url(string) kubernetes.URL
isURL(string) bool
kubernetes.URL#getEscapedPath() string
kubernetes.URL#getHost() string
kubernetes.URL#getHostname() string
kubernetes.URL#getPort() string
kubernetes.URL#getQuery() map(string, list(string))
kubernetes.URL#getScheme() string

quantity(string) kubernetes.Quantity
isQuantity(string) bool
sign(kubernetes.Quantity) int
kubernetes.Quantity#add(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity#add(int) kubernetes.Quantity
kubernetes.Quantity#sub(kubernetes.Quantity) kubernetes.Quantity
kubernetes.Quantity#sub(int) kubernetes.Quantity
kubernetes.Quantity#asApproximateFloat() double
kubernetes.Quantity#asInteger() int
kubernetes.Quantity#isInteger() bool
kubernetes.Quantity kubernetes.Semver|X#compareTo(X) int
kubernetes.Quantity kubernetes.Semver|X#isGreaterThan(X) bool
kubernetes.Quantity kubernetes.Semver|X#isLessThan(X) bool
semver(string) kubernetes.Semver
semver(string, bool) kubernetes.Semver
isSemver(string) bool
isSemver(string, bool) bool
kubernetes.Semver#major() int
kubernetes.Semver#minor() int
kubernetes.Semver#patch() int

ip(string) net.IP
isIP(string) bool
ip.isCanonical(string) bool
net.IP#family() int
net.IP#isGlobalUnicast() bool
net.IP#isLinkLocalMulticast() bool
net.IP#isLinkLocalUnicast() bool
net.IP#isLoopback() bool
net.IP#isUnspecified() bool
cidr(string) net.CIDR
isCIDR(string) bool
string net.CIDR|net.CIDR#containsCIDR(X) bool
string net.IP|net.CIDR#containsIP(X) bool
net.CIDR#ip() net.IP
net.CIDR#masked() net.CIDR
net.CIDR#prefixLength() int

byte date datetime dns1035Label dns1035LabelPrefix dns1123Label dns1123LabelPrefix dns1123Subdomain dns1123SubdomainPrefix labelValue qualifiedName uri uuid|format.X() kubernetes.NamedFormat
format.named(string) optional(kubernetes.NamedFormat)
kubernetes.NamedFormat#validate(string) optional(list(string))

kubernetes.authorization.Authorizer#path(string) kubernetes.authorization.PathCheck
kubernetes.authorization.Authorizer#group(string) kubernetes.authorization.GroupCheck
kubernetes.authorization.Authorizer#serviceAccount(string, string) kubernetes.authorization.Authorizer
kubernetes.authorization.GroupCheck#resource(string) kubernetes.authorization.ResourceCheck
subresource namespace name fieldSelector labelSelector|kubernetes.authorization.ResourceCheck#X(string) kubernetes.authorization.ResourceCheck
kubernetes.authorization.PathCheck kubernetes.authorization.ResourceCheck|X#check(string) kubernetes.authorization.Decision
allowed errored|kubernetes.authorization.Decision#X() bool
error reason|kubernetes.authorization.Decision#X() string
`

/** Of JSON patches, where those are made. */
const PATCH_DECLARATIONS = 'jsonpatch.escapeKey(string) string'

const SIMPLE: Readonly<Record<string, Type>> = {
  bool: BOOL,
  bytes: BYTES,
  double: DOUBLE,
  duration: DURATION,
  dyn: DYN,
  int: INT,
  null_type: NULL,
  string: STRING,
  timestamp: TIMESTAMP,
  type: TYPE,
  uint: UINT,
}

/** Names of types, as expressions use them. */
export const TYPE_NAMES: ReadonlyMap<string, Type> = new Map(
  [
    ...[BOOL, BYTES, DOUBLE, DURATION, INT, NULL, STRING, TIMESTAMP, TYPE, UINT],
    listOf(param('A')),
    mapOf(param('A'), param('B')),
    opaque('net.IP'),
    opaque('net.CIDR'),
    opaque('optional_type', param('V')),
  ].map((type) => [type.name, typeOf(type)]),
)

const parsed = new Map<string, ReadonlyMap<string, readonly Overload[]>>()

/** Functions by name; read when they are first asked for. */
export function functions(patches: boolean): ReadonlyMap<string, readonly Overload[]> {
  const text = patches ? DECLARATIONS + PATCH_DECLARATIONS : DECLARATIONS
  let known = parsed.get(text)
  if (known === undefined) {
    known = read(text)
    parsed.set(text, known)
  }
  return known
}

function read(text: string): ReadonlyMap<string, readonly Overload[]> {
  const all = new Map<string, Overload[]>()
  for (const line of text.split('\n').flatMap(variants)) {
    const [name, overload] = readOne(line)
    const overloads = all.get(name)
    if (overloads === undefined) all.set(name, [overload])
    else overloads.push(overload)
  }
  return all
}

function variants(line: string): string[] {
  const [, types, rest = ''] = /^(?:([^|#(_]+(?:\([^|]*)?)\|)?(.+)$/.exec(line) ?? []
  if (rest === '') return []
  return types === undefined ? [rest] : types.split(' ').map((type) => rest.replaceAll(/\bX\b/g, type))
}

/** `receiver#name(arguments) result`. */
function readOne(line: string): [name: string, overload: Overload] {
  const [, receiver, name = '', given = '', result = ''] = /^(?:([^#]+)#)?([^(]+)\((.*)\) (.+)$/.exec(line) ?? []
  const params = new Set<string>()
  const args = [...(receiver === undefined ? [] : readTypes(receiver, params)), ...readTypes(given, params)]
  const [made = DYN] = readTypes(result, params)
  return [name, { member: receiver !== undefined, args, result: made, params: [...params] }]
}

/** Types with commas between them. */
function readTypes(text: string, params: Set<string>): Type[] {
  const words = text.match(/[\w.]+|[()]/g) ?? []
  let at = 0
  const list = (): Type[] => {
    const types: Type[] = []
    while (at < words.length && words[at] !== ')') {
      const name = words[at++] as string // there is one more
      let inner: Type[] = []
      if (words[at] === '(') {
        at++
        inner = list()
        at++
      }
      types.push(made(name, inner, params))
    }
    return types
  }
  return list()
}

function made(name: string, inner: readonly Type[], params: Set<string>): Type {
  const [first = DYN, second = DYN] = inner
  if (name === 'list') return listOf(first)
  if (name === 'map') return mapOf(first, second)
  if (name === 'optional') return optionalOf(first)
  if (name === 'type') return typeOf(first)
  if (/^[A-Z]$/.test(name)) {
    params.add(name)
    return param(name)
  }
  return SIMPLE[name] ?? (name.startsWith('kubernetes.') ? struct(name) : opaque(name))
}
