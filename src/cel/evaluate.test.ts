import { describe, expect, test } from 'vitest'
import { Budget } from './budget.ts'
import { compileExpression } from './evaluate.ts'
import { CelError, Double, equal, Uint } from './values.ts'

const DATA: Record<string, unknown> = {
  object: {
    metadata: { name: 'web', labels: { app: 'web', 'a/b': 'c' }, annotations: JSON.parse('{"__proto__":"p","constructor":"q"}') },
    spec: {
      replicas: 3,
      ratio: 0.5,
      containers: [
        { name: 'a', image: 'r.io/a:1', limits: { cpu: '500m' } },
        { name: 'b', image: 'b' },
      ],
      paused: null,
    },
  },
  big: 9007199254740993n,
}

function run(expression: string, units = 10_000_000): unknown {
  return new Budget(units).run((spend) =>
    compileExpression(expression).evaluate((name) => (Object.hasOwn(DATA, name) ? DATA[name] : undefined), spend),
  )
}

function failing(expression: string, units?: number): string {
  try {
    run(expression, units)
  } catch (error) {
    if (error instanceof CelError) return error.message
    throw error
  }
  throw new Error('it has a value')
}

describe('expressions that hold', () => {
  test.each([
    // Integers are integers.
    '7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1',
    '9007199254740993 == big && big + 1 == 9007199254740994',
    '-9223372036854775808 < 0 && 9223372036854775807 > 0',
    'object.spec.replicas == 3 && object.spec.replicas + 1 == 4 && type(object.spec.replicas) == int',
    'type(object.spec.ratio) == double && object.spec.ratio * 2.0 == 1.0',
    '1 == 1.0 && 1u == 1 && 1 < 1.5 && 2u > 1.5',
    'type(1) == int && type(1u) == uint && type(1.0) == double && type(null) == null_type && type(type(1)) == type',
    'int("42") == 42 && int(3.9) == 3 && uint(3) == 3u && double(2) == 2.0 && string(1u) == "1" && bool("true")',
    // Errors that somebody else decides.
    'true || 1 / 0 == 1',
    '1 / 0 == 1 || true',
    '!(false && object.nothing) && !(object.nothing && false)',
    '[1, 0].exists(x, 1 / x == 1) && [0, 1].exists(x, 1 / x == 1)',
    '![1, 0].all(x, 1 / x == 2)',
    // Members.
    'has(object.metadata.labels) && !has(object.metadata.nothing) && has(object.spec.replicas)',
    '"a/b" in object.metadata.labels && object.metadata.labels["a/b"] == "c"',
    'object.spec.paused == null && !has(object.status)',
    'object.?status.?phase.orValue("none") == "none" && object.?metadata.name.orValue("x") == "web"',
    'object[?"metadata"].hasValue() && optional.of(1).optMap(x, x + 1).value() == 2',
    '"__proto__" in object.metadata.annotations && object.metadata.annotations["constructor"] == "q"',
    '!("toString" in object.metadata.labels) && !has(object.metadata.labels.constructor)',
    // Macros.
    'object.spec.containers.all(c, c.name.size() == 1) && object.spec.containers.exists_one(c, c.image.startsWith("r.io/"))',
    'object.spec.containers.map(c, c.name) == ["a", "b"] && object.spec.containers.filter(c, has(c.limits)).size() == 1',
    'object.spec.containers.map(c, has(c.limits), c.limits.cpu) == ["500m"]',
    'object.metadata.labels.exists(k, k == "app") && object.metadata.labels.all(k, v, v != "")',
    '[1, 2, 3].all(i, v, i + 1 == v) && [5, 6].transformList(i, v, i * v) == [0, 6]',
    '{"a": 1}.transformMap(k, v, v + 1) == {"a": 2} && {"a": 1}.transformMapEntry(k, v, {v: k}) == {1: "a"}',
    'cel.bind(x, [1, 2], x.size() + x[0]) == 3',
    '[[1, 2], [3]].map(l, l.map(x, x + l.size())) == [[3, 4], [4]]',
    // Texts: characters count.
    '"héllo".size() == 5 && "😀a".size() == 2 && "😀a".charAt(1) == "a" && "a😀b".indexOf("b") == 2',
    '"a,b,c".split(",") == ["a", "b", "c"] && "a,b,c".split(",", 2) == ["a", "b,c"] && ["a", "b"].join("-") == "a-b"',
    '"hello".replace("l", "L", 1) == "heLlo" && " x ".trim() == "x" && "ÄbC".lowerAscii() == "Äbc" && "abc".substring(1, 2) == "b"',
    '"%s has %d of %.2f%%".format(["x", 3, 1.5]) == "x has 3 of 1.50%"',
    '"abc".matches("^a.c$") && "abc 123".find("[0-9]+") == "123" && "1 2 3".findAll("[0-9]", 2) == ["1", "2"]',
    'b"abc".size() == 3 && bytes("ü") == b"\\xc3\\xbc" && string(b"abc") == "abc"',
    // Lists and sets.
    '[3, 1, 2].sort() == [1, 2, 3] && [1, 2].isSorted() && [1, 2, 3].sum() == 6 && [1.5, 0.5].sum() == 2.0 && [2, 1].max() == 2 && [2, 1].min() == 1',
    '[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1, 2, 1].distinct() == [1, 2] && [[1], [2]].flatten() == [1, 2] && [1, 2, 3].slice(1, 2) == [2]',
    'sets.contains([1, 2], [1]) && sets.equivalent([1, 2, 1], [2, 1]) && sets.intersects([1], [1, 2]) && lists.range(3) == [0, 1, 2]',
    '[1] + [2] == [1, 2] && 2 in [1, 2] && !(3 in [1, 2]) && {"a": [1]} == {"a": [1.0]}',
    // Time.
    'timestamp("2023-10-17T12:34:56.789Z").getMilliseconds() == 789 && timestamp("2023-01-15T00:00:00Z").getDayOfMonth() == 14 && timestamp("2023-01-15T00:00:00Z").getDate() == 15',
    'timestamp("2023-01-01T01:00:00Z") - timestamp("2023-01-01T00:00:00Z") == duration("1h") && duration("90m").getHours() == 1 && duration("1.5s") + duration("500ms") == duration("2s")',
    'timestamp("2023-01-01T00:00:00Z").getHours("-02:00") == 22 && string(duration("1h1.5s")) == "3601.5s"',
    // Kubernetes.
    'quantity("1.5Gi").isGreaterThan(quantity("1Gi")) && quantity("500m").add(quantity("1500m")) == quantity("2") && quantity("2k").asInteger() == 2000 && !isQuantity("x")',
    'quantity("1").sub(2).sign() == -1 && quantity("0.5").isInteger() == false && quantity("1").compareTo(quantity("1000m")) == 0',
    'ip("10.0.0.1").family() == 4 && ip("::1").isLoopback() && isIP("1.2.3.4") && !isIP("01.2.3.4") && ip.isCanonical("::1") && !ip.isCanonical("0:0::1")',
    'cidr("10.0.0.0/8").containsIP("10.1.2.3") && cidr("10.0.0.0/8").containsCIDR(cidr("10.1.0.0/16")) && cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") && cidr("10.0.0.0/8").prefixLength() == 8',
    'string(ip("2001:db8::0:1")) == "2001:db8::1" && !isIP("::ffff:1.2.3.4") && !isIP("fe80::1%eth0") && !isCIDR("10.0.0.0")',
    'url("https://user@example.com:80/path?q=1&q=2").getHost() == "example.com:80" && url("https://e.com/a%20b?x=1").getEscapedPath() == "/a%20b" && url("/p?k=v").getQuery() == {"k": ["v"]}',
    'isURL("https://example.com") && !isURL("example") && url("https://[::1]:80/").getHostname() == "::1"',
    '!format.dns1123Label().validate("ok-name").hasValue() && format.named("dns1123Label").value().validate("No").hasValue() && !format.named("x").hasValue()',
    'semver("1.2.3").isLessThan(semver("1.10.0")) && isSemver("1.0.0-rc.1+b") && !isSemver("v1") && semver("v1.2", true).minor() == 2 && semver("1.0.0-a.1").compareTo(semver("1.0.0")) == -1',
    'strings.quote("a\\"b") == "\\"a\\\\\\"b\\""',
  ])('%s', (expression) => {
    expect(run(expression)).toBe(true)
  })
})

describe('expressions that are errors', () => {
  test.each([
    ['object.nothing', 'no such key: nothing'],
    ['object.metadata.labels["x"]', 'no such key: x'],
    ['[1][1]', 'index out of bounds: 1'],
    ['1 / 0', 'division by zero'],
    ['1 % 0', 'modulus by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['-(-9223372036854775807 - 1)', 'integer overflow'],
    ['0u - 1u', 'unsigned integer overflow'],
    ['1 + 1.0', 'no such overload'],
    ['"a" < 1', 'no such overload'],
    ['1 && true', 'no such overload'],
    ['nobody', "undeclared reference to 'nobody' (in container '')"],
    ['nothing(1)', "undeclared reference to 'nothing' (in container '')"],
    ['"a".nothing()', "undeclared reference to 'nothing' (in container '')"],
    ['1.exists(x, true)', "got 'types.Int', expected iterable type"],
    ['"a".matches("(")', 'error parsing regexp: missing closing ): `(`'],
    ['optional.none().value()', 'optional.none() dereference'],
    [
      '(1 +)',
      "ERROR: <input>:1:5: Syntax error: mismatched input ')' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | (1 +)\n | ....^",
    ],
    ['"😀".substring(2)', 'index out of range: 2'],
    ['int("9223372036854775808")', 'integer overflow'],
  ])('%s: %s', (expression, message) => {
    expect(failing(expression)).toBe(message)
  })
})

describe('hostile expressions', () => {
  const list = `[${Array.from({ length: 200 }, (_, i) => i).join(', ')}]`

  test.each([
    ['nested loops', `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`],
    ['errors in every branch', `${list}.all(a, ${list}.all(b, ${list}.all(c, 1 / 0 == 1 || a + b + c >= 0)))`],
    [
      'texts that double',
      `${'cel.bind(x, x + x, '.repeat(40)}x${')'.repeat(40)}`.replace('cel.bind(x, x + x', 'cel.bind(x, "aaaaaaaaaaaaaaaa"'),
    ],
    ['lists that double', `${'cel.bind(x, x + x, '.repeat(40)}x.size()${')'.repeat(40)}`.replace('cel.bind(x, x + x', 'cel.bind(x, [1]')],
    [
      'matching over and over',
      `${list}.all(a, ${list}.all(b, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!".matches("(a+)+$") == false))`,
    ],
  ])('%s cost too much', (_, expression) => {
    expect(failing(expression)).toBe('operation cancelled: actual cost limit exceeded')
  })

  test('share what all expressions together may cost', () => {
    const budget = new Budget(1000)
    const program = compileExpression(`${list}.all(a, a >= 0)`)
    let done = 0
    expect(() => {
      for (; done < 10; done++) budget.run((spend) => program.evaluate(() => undefined, spend))
    }).toThrow('operation cancelled: actual cost limit exceeded')
    expect(done).toBeGreaterThan(0)
    expect(budget.exhausted).toBe(true)
  })

  test('a pattern that makes backtracking engines hang is linear', () => {
    expect(run(`"${'a'.repeat(5000)}!".matches("(a+)+$")`)).toBe(false)
  })

  test.each([
    ['deep', `${'('.repeat(500)}1${')'.repeat(500)}`],
    ['long', `"${'a'.repeat(100_001)}"`],
    ['wide', `${Array.from({ length: 30_000 }, () => '1').join('+')}`],
    ['with a huge pattern', `"a".matches("${'a'.repeat(5000)}")`],
    ['with a pattern that grows', '"a".matches("((((a{1000}){1000}){1000}){1000}){1000}")'],
  ])('%s ones are refused', (_, expression) => {
    expect(failing(expression)).not.toBe('')
  })

  test('values hold what was asked, not what prototypes have', () => {
    expect(failing('object.constructor')).toBe('no such key: constructor')
    expect(failing('object["__proto__"]')).toBe('no such key: __proto__')
    expect(failing('constructor')).toBe("undeclared reference to 'constructor' (in container '')")
  })
})

test('numbers are compared by value over their types', () => {
  const nothing = () => {}
  expect(equal(2n ** 53n + 1n, new Double(2 ** 53), nothing)).toBe(true)
  expect(equal(2n ** 53n + 1n, new Uint(2n ** 53n), nothing)).toBe(false)
  expect(equal(new Uint(3n), 3n, nothing)).toBe(true)
  expect(equal(new Double(Number.NaN), new Double(Number.NaN), nothing)).toBe(false)
})
